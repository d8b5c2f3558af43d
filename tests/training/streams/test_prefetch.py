import threading
from collections.abc import Mapping

import pytest
from tandem_training.errors import UserError, WorldError
from tandem_training.streams.base import RawSample
from tandem_training.streams.prefetch import Prefetcher
from tandem_wire.positions import KafkaPosition, Position

from tests.training.builders import eventually


class Script:
    """A source that gives numbered records, and raises what the script says at given records, once each."""

    def __init__(self, count: int, faults: Mapping[int, Exception] | None = None) -> None:
        self.count = count
        self.faults = dict(faults or {})
        self.opened: list[int] = []

    def start(self) -> Position:
        return KafkaPosition("t", {})

    def open(self, position: Position) -> "_Reader":
        assert isinstance(position, KafkaPosition)
        self.opened.append(position.offsets.get(0, 0))
        return _Reader(self, position.offsets.get(0, 0))


class _Reader:
    def __init__(self, script: Script, at: int) -> None:
        self.script, self.at, self.at_end = script, at, False

    def read(self, limit: int, timeout: float) -> list[RawSample]:
        if self.at in self.script.faults:
            raise self.script.faults.pop(self.at)
        if self.at >= self.script.count:
            self.at_end = True
            threading.Event().wait(timeout / 10)
            return []
        # A step that divides nothing, so that faults fall between and at the ends of reads.
        upto = min([self.at + min(3, limit), self.script.count, *(f for f in self.script.faults if f > self.at)])
        samples = [RawSample((0, i + 1), b"%d" % i) for i in range(self.at, upto)]
        self.at = upto
        return samples

    def close(self) -> None:
        pass


def collect(prefetcher: Prefetcher, until: int) -> list[RawSample]:
    got: list[RawSample] = []

    def enough() -> bool:
        got.extend(prefetcher.poll(2))
        return len(got) >= until

    assert eventually(enough)
    return got


@pytest.mark.parametrize(
    "faults", [{}, {0: WorldError("Away", "away")}, {7: WorldError("Away", "away"), 8: WorldError("Away", "x")}]
)
def test_nothing_is_lost_or_repeated_when_the_source_goes_away(faults):
    script = Script(20, faults)
    prefetcher = Prefetcher("s", script, None, 100, threading.Event())
    prefetcher.start()
    got = collect(prefetcher, 20)
    assert [s.data for s in got] == [b"%d" % i for i in range(20)]
    assert script.opened == [0, *sorted(faults)]
    assert eventually(lambda: prefetcher.at_end)
    prefetcher.stop()


def test_reads_no_further_ahead_than_its_room():
    script = Script(1000)
    wake = threading.Event()
    prefetcher = Prefetcher("s", script, None, 10, wake)
    prefetcher.start()
    assert wake.wait(10)
    assert eventually(lambda: len(prefetcher._queue) >= 10)
    assert len(prefetcher._queue) < 10 + 3
    assert not prefetcher.at_end
    assert [s.data for s in collect(prefetcher, 40)][:40] == [b"%d" % i for i in range(40)]
    prefetcher.stop()


def test_a_users_error_comes_after_what_was_read_before_it():
    prefetcher = Prefetcher("s", Script(20, {5: UserError("OffsetsExpired", "gone")}), None, 100, threading.Event())
    prefetcher.start()
    got: list[RawSample] = []

    def failed() -> bool:
        try:
            got.extend(prefetcher.poll(2))
        except UserError:
            return True
        return False

    assert eventually(failed)
    assert len(got) == 5
    prefetcher.stop()


def test_begins_at_the_position_given():
    prefetcher = Prefetcher("s", Script(20), KafkaPosition("t", {0: 17}), 100, threading.Event())
    prefetcher.start()
    assert [s.data for s in collect(prefetcher, 3)] == [b"17", b"18", b"19"]
    prefetcher.stop()
