import doctest
import importlib
from pathlib import Path

import pytest
import tandem_ops

MODULES = [
    "tandem_ops",
    *(f"tandem_ops.{file.stem}" for file in sorted(Path(tandem_ops.__file__).parent.glob("[a-z]*.py"))),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    examples = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert {"tandem_ops", "tandem_ops.hash_variable.HashVariable", "tandem_ops.fingerprint.fingerprint"} <= {
        e.name for e in examples
    }
