"""The command line: its grammar, and which status means what."""

import pytest

from e2e.cluster import __main__ as program
from e2e.cluster.errors import NotReadyError, NotRootError


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["up"], {"command": "up", "gpus": None}),
        (["up", "--gpus", "2"], {"command": "up", "gpus": 2}),
        (["down"], {"command": "down"}),
        (["status"], {"command": "status"}),
        (["load", "a:b"], {"command": "load", "image": "a:b"}),
    ],
)
def test_grammar(argv, expected):
    assert vars(program.parser().parse_args(argv)) == expected


@pytest.mark.parametrize(("error", "status"), [(NotRootError("be root"), 2), (NotReadyError("etcd ended"), 1)])
def test_an_error_is_one_sentence_and_a_status(monkeypatch, capsys, error, status):
    def fail(*_):
        raise error

    monkeypatch.setattr(program, "_do", fail)
    assert program.main(["up"]) == status
    assert capsys.readouterr().err == f"\nerror: {error}\n"
