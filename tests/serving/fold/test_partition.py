"""S1: where a graph is cut."""

import pytest
import tensorflow as tf

from tests.serving.fold import running
from tests.serving.fold.test_building import check, head


def cut(build):
    """Return how many slots are weights, how many are results, and the operations of the fold graph."""
    program = check(running.export({"a": 4}, lambda f, w: {"x": build(f["a"], w)}))
    raw = [slot for slot in program.slots if slot.weight is not None]
    fold = running.operations(program.graphs["fold.pb"]) if program.fold else []
    return len(raw), len(program.slots) - len(raw), [op for op in fold if op not in ("Placeholder", "Const")]


CASES = [
    ("weights as they are", lambda x, w: tf.tanh(tf.matmul(x, w(4, 2)) + w(2)), (2, 0, [])),
    ("the longest way", lambda x, w: tf.tanh(x) * tf.exp(tf.sqrt(w(4, kind="variance"))), (0, 1, ["Exp", "Sqrt"])),
    ("a weight and what is made of it", lambda x, w: tf.tanh(x * (k := w(4))) * tf.exp(k), (1, 1, ["Exp"])),
    ("a constant of a layer is a slot", lambda x, _: tf.tanh(x) * [1.0, 2.0, 3.0, 4.0], (0, 1, [])),
    ("a constant of others is none", lambda x, _: tf.maximum(tf.tanh(x), 0.5), (0, 0, [])),
    ("what is no number stays", lambda x, w: tf.where(w(4) > 0.0, tf.tanh(x), tf.sin(x)), (1, 0, [])),
    ("no weights", lambda x, _: tf.tanh(x), (0, 0, [])),
    ("random numbers are not made once", lambda x, w: tf.tanh(x) * w(4) + 0.0 * tf.random.normal([4]), (1, None, None)),
]


@pytest.mark.parametrize(("build", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_slots(build, expected):
    found = cut(build)
    assert [got for got, want in zip(found, expected, strict=True) if want is not None] == [
        want for want in expected if want is not None
    ]


def test_names_that_are_taken_are_not_taken_twice():
    def build(f, w):
        x = tf.identity(f["a"] * tf.exp(w(4)), name="kept")
        return {"x": head(tf.add(tf.tanh(x), tf.sin(x), name="slot_0"), w)}

    check(running.export({"a": 4}, build))
