"""Calls at fixed times."""

import itertools
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.ops.open_loop import Pace, beside, open_loop, queued, to_itself
from bench.ops.stolen import Moment


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
    seen = open_loop(lambda _: clock.sleep(next(took)), ["a"], period=1.0, seconds=5.0)
    # The second takes 2.5 periods, so that the third and fourth wait; the fifth is on time again.
    assert seen.wall == pytest.approx([0.2, 2.5, 1.7, 0.9, 0.2], abs=0.01)


def test_what_was_stolen_is_in_the_time_on_the_wall_and_not_in_the_time_given(clock, monkeypatch):
    def read(_):
        clock.reads += 1  # one before a call and one after it; half of each call the thread ran
        return Moment(clock.read(), clock.ran, 0.0, 0)

    def call(stolen):
        clock.sleep(0.1 + stolen)
        clock.ran += 0.1

    clock.reads, clock.ran = 0, 0.0
    monkeypatch.setattr("bench.ops.open_loop.ThreadClocks.read", read)
    seen = open_loop(call, [0.0, 3.0, 0.0, 0.0, 0.0], period=1.0, seconds=5.0)
    assert seen.wall == pytest.approx([0.1, 3.1, 2.2, 1.3, 0.4], abs=0.01)
    assert seen.given == pytest.approx([0.1] * 5, abs=0.01)
    assert clock.reads == 10


@given(st.lists(st.floats(0.0, 10.0), min_size=1), st.floats(0.01, 5.0))
def test_calls_in_a_queue_end_in_order_and_never_sooner_than_alone(services, period):
    latencies = queued(services, period)
    ends = [number * period + latency for number, latency in enumerate(latencies)]
    assert all(latency >= service for latency, service in zip(latencies, services, strict=True))
    gaps = [after - before for before, after in itertools.pairwise(ends)]
    assert all(gap >= service - 1e-9 for gap, service in zip(gaps, services[1:], strict=True))


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="needs two CPUs")
def test_a_thread_to_itself_shares_no_cpu_with_the_work_beside_it():
    everywhere = os.sched_getaffinity(0)
    theirs: list[set[int]] = []
    with to_itself():
        mine = os.sched_getaffinity(0)
        turned = threading.Event()

        def turn():
            theirs.append(os.sched_getaffinity(0))
            turned.set()

        with beside(turn):
            assert turned.wait(10)
    assert len(mine) == 1
    assert theirs[0] == everywhere - mine
    assert os.sched_getaffinity(0) == everywhere


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
