"""Calls at fixed times."""

import threading

import pytest

from bench.ops.open_loop import Pace, beside, open_loop


class Clock:
    """Time that passes only where it is told to."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr("bench.ops.open_loop.time.perf_counter", self.read)
        monkeypatch.setattr("bench.ops.open_loop.time.sleep", self.sleep)

    def read(self):
        self.now += 1e-6
        return self.now

    def sleep(self, seconds):
        self.now += max(seconds, 0.0)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_a_late_call_makes_those_behind_it_late_too(clock):
    took = iter([0.2, 2.5, 0.2, 0.2, 0.2])
    latencies = open_loop(lambda _: clock.sleep(next(took)), ["a"], period=1.0, seconds=5.0)
    # The second takes 2.5 periods, so that the third and fourth wait; the fifth is on time again.
    assert latencies == pytest.approx([0.2, 2.5, 1.7, 0.9, 0.2], abs=0.01)


def test_inputs_come_in_turn(clock):
    asked: list[str] = []
    open_loop(asked.append, ["a", "b"], period=0.1, seconds=0.5)
    assert asked == ["a", "b", "a", "b", "a"]
    assert clock.now == pytest.approx(100.5, abs=0.01)


def test_a_pace_is_held_and_a_late_start_is_not_made_up_for_by_sleeping(clock):
    pace = Pace(100.0)
    pace.hold(50.0)
    assert clock.now == pytest.approx(100.5, abs=0.01)
    clock.now += 3.0
    pace.hold(10.0)  # is late already
    assert clock.now == pytest.approx(103.5, abs=0.01)
    pace.restart()
    pace.hold(10.0)
    assert clock.now == pytest.approx(103.6, abs=0.01)


def test_work_beside_ends_with_the_body():
    turned = threading.Event()
    with beside(turned.set):
        assert turned.wait(10)
    assert threading.active_count() == 1


def test_work_that_fails_is_told():
    turned = threading.Event()

    def turn():
        turned.set()
        raise RuntimeError("no such sweep")

    with pytest.raises(RuntimeError, match="no such sweep"), beside(turn):
        assert turned.wait(10)
