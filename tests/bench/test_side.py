"""A side is a process that answers lines."""

import sys

import pytest

from bench.side import SideFailed, SideProcess

PROGRAM = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "add":
        answer = {"sum": request["a"] + request["b"]}
    elif request["do"] == "leave":
        sys.exit(3)
    elif request["do"] == "hang":
        continue
    else:
        answer = {"error": "KeyError: " + request["do"]}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def side(tmp_path):
    with SideProcess("adder", [sys.executable, "-c", PROGRAM], {}, tmp_path / "log", patience=1.0) as made:
        yield made


def test_it_answers(side):
    assert side.ask("add", a=1, b=2) == {"sum": 3}
    assert side.ask("add", a=2, b=2) == {"sum": 4}


def test_a_refusal_is_told_and_the_side_goes_on(side):
    with pytest.raises(SideFailed, match="adder could not do 'fly': KeyError: fly"):
        side.ask("fly")
    assert side.ask("add", a=1, b=1) == {"sum": 2}


@pytest.mark.parametrize("do", ["leave", "hang"])
def test_a_side_that_ends_or_hangs_is_named_with_its_log(side, do, tmp_path):
    with pytest.raises(SideFailed, match=f"adder ended while it did '{do}'; {tmp_path}/log has"):
        side.ask(do)
