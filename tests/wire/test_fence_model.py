"""Every interleaving of the log's rules, exhaustively, on a model of them; test_fence.py drives the real writers.

State: the log as a tuple of entries, and each writer's epoch, phase, next slot and position. A step is one writer's
next action, its crash, or a put that happens though its reply is lost.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import pytest

SLOTS = 5


class Entry(NamedTuple):
    """A record: who wrote it and which samples it contains."""

    epoch: int
    barrier: bool
    start: int
    end: int
    writer: int


class Writer(NamedTuple):
    """``phase``: new, claiming, live, gone."""

    epoch: int = 0
    phase: str = "new"
    slot: int = 0
    position: int = 0


Log = tuple[Entry, ...]
State = tuple[Log, tuple[Writer, ...]]
GONE = Writer(phase="gone")


def broken(log: Log) -> str:
    position = top = 0
    for entry in log:
        if entry.start != position:
            return "a sample is lost or trained twice"
        if entry.epoch < top or (entry.epoch == top and entry.barrier):
            return "an older writer goes on after a barrier"
        position, top = entry.end, max(top, entry.epoch)
    return ""


def steps(state: State, *, conditional: bool) -> Iterator[State]:
    log, writers = state
    for index, writer in enumerate(writers):
        if writer.phase == "gone":
            continue
        for after_log, after in ((log, GONE), *acts(log, index, writer, conditional=conditional)):
            yield after_log, (*writers[:index], after, *writers[index + 1 :])


def acts(log: Log, index: int, writer: Writer, *, conditional: bool) -> Iterator[tuple[Log, Writer]]:
    if writer.phase == "new":
        end = log[-1].end if log else 0
        yield log, Writer(1 + max((e.epoch for e in log), default=0), "claiming", len(log), end)
        return
    claiming = writer.phase == "claiming"
    entry = Entry(writer.epoch, claiming, writer.position, writer.position + (not claiming), index)
    won = writer._replace(phase="live", slot=writer.slot + 1, position=entry.end)
    if writer.slot == len(log) or not conditional:
        after = (*log[: writer.slot], entry, *log[writer.slot + 1 :])
        yield after, won
        yield after, writer  # the reply is lost: it will try again
        return
    winner = log[writer.slot]
    if winner == entry:
        yield log, won
    elif winner.epoch > writer.epoch:
        yield log, GONE
    elif winner.epoch == writer.epoch:
        yield log, Writer()
    else:
        yield log, writer._replace(slot=writer.slot + 1, position=winner.end)


def explore(writers: int, *, conditional: bool) -> tuple[str, int]:
    start: State = ((), (Writer(),) * writers)
    seen, queue = {start}, deque([start])
    while queue:
        state = queue.popleft()
        fault = broken(state[0])
        if fault:
            return fault, len(seen)
        for after in steps(state, conditional=conditional):
            if len(after[0]) <= SLOTS and after not in seen:
                seen.add(after)
                queue.append(after)
    return "", len(seen)


def test_the_rules_hold_in_every_interleaving() -> None:
    fault, states = explore(3, conditional=True)
    assert fault == ""
    assert states > 5_000


@pytest.mark.parametrize("writers", [2, 3])
def test_without_the_conditional_put_they_fail(writers: int) -> None:
    assert explore(writers, conditional=False)[0] != ""
