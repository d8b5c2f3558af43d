import queue
from pathlib import Path

import pytest

from e2e.demo.kube import Kube
from e2e.demo.standing import Command, Standing

SAYS = "echo $$ $*"
FOR_EVER = "exec tail -f /dev/null"


class Heard:
    """What a command said, line by line, as (process, words); the line of this number is enough."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        self._count = 0
        self.enough = 0

    def heed(self, line: str) -> bool:
        self._count += 1
        self._lines.put(line)
        return self._count != self.enough

    def next(self) -> tuple[int, str]:
        process, _, words = self._lines.get(timeout=20).partition(" ")
        return int(process), words


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def begin(tmp_path, heard):
    """Stand a kubectl that does what a script says; ended with the test."""
    standing: list[Standing] = []

    def made(*script: str) -> Standing:
        program = tmp_path / "kubectl"
        program.write_text("\n".join(["#!/bin/sh", *script]))
        program.chmod(0o755)
        kube = Kube(str(program), "helm", {"PATH": "/usr/bin:/bin"}, own=False, namespace="n")
        standing.append(Standing(kube, Command(["get", "-w"], ["get", "-w", "more"], heard.heed), pause=0.01))
        standing[-1].start()
        return standing[-1]

    yield made
    for one in standing:
        one.stop()


def runs(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_what_ends_is_started_again_with_the_other_words(begin, heard):
    begin(SAYS)
    assert [heard.next()[1] for _ in range(3)] == [
        "--namespace=n get -w",
        "--namespace=n get -w more",
        "--namespace=n get -w more",
    ]


def test_a_line_that_is_enough_ends_the_process_and_begins_another(begin, heard):
    heard.enough = 1
    begin(SAYS, FOR_EVER)
    first, _ = heard.next()
    second, words = heard.next()
    assert not runs(first)
    assert runs(second)
    assert words.endswith("more")


def test_stop_ends_a_process_that_says_nothing_more(begin, heard):
    standing = begin(SAYS, FOR_EVER)
    process, _ = heard.next()
    assert runs(process)
    standing.stop()
    assert not runs(process)


def test_what_was_never_started_can_be_stopped():
    kube = Kube("/nowhere/kubectl", "helm", {}, own=False, namespace="n")
    Standing(kube, Command(["get"], ["get"], lambda _line: True)).stop()
