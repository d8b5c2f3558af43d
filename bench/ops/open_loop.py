"""Calls at fixed times, and work beside them. Knows nothing of tables."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from bench.ops.stolen import ThreadClocks, took

T = TypeVar("T")

TURN = 1e-4
"""Seconds that a thread may keep the interpreter while another wants it; Python's 5 ms would be what is measured."""
ALL_CPUS = os.sched_getaffinity(0)


@dataclass(frozen=True, slots=True)
class Latencies:
    """What an open loop saw, seconds from when each call was due to when it was answered.

    Attributes:
      wall: by the clock on the wall.
      given: the same without what the hypervisor stole: calls that take what they took of the machine, one by one.
    """

    wall: Sequence[float]
    given: Sequence[float]


def queued(services: Sequence[float], period: float) -> list[float]:
    """Return from due to answered, where calls are due every period, wait for one another, and take so long themselves.

    Example:
      >>> queued([0.5, 2.5, 0.5], 1.0)
      [0.5, 2.5, 2.0]
    """
    latencies: list[float] = []
    behind = 0.0
    for service in services:
        latencies.append(behind + service)
        behind = max(0.0, latencies[-1] - period)
    return latencies


def open_loop(call: Callable[[T], object], inputs: Sequence[T], period: float, seconds: float) -> Latencies:
    """Call at fixed times, late or not."""
    wall, services = [], []
    clocks = ThreadClocks()
    begin = time.perf_counter() + period
    for number in range(round(seconds / period)):
        due = begin + number * period
        while (left := due - time.perf_counter()) > 0:
            if left > 0.0003:  # noqa: PLR2004 - sleeping is late by a tenth of a millisecond; the rest is spun
                time.sleep(left - 0.0002)
        before = clocks.read()
        call(inputs[number % len(inputs)])
        after = clocks.read()
        wall.append(after.wall - due)
        services.append(took(before, after))
    clocks.close()
    return Latencies(wall, queued(services, period))


@contextmanager
def to_itself() -> Iterator[None]:
    """Give the calling thread the first CPU and that of :func:`beside` the others; hand the interpreter over soon."""
    turn = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    if len(ALL_CPUS) > 1:
        os.sched_setaffinity(0, {min(ALL_CPUS)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, ALL_CPUS)
        sys.setswitchinterval(turn)


@contextmanager
def beside(turn: Callable[[], None]) -> Iterator[None]:
    """Repeat a turn in a thread of its own, at normal priority, beside the body, on CPUs that the caller has not."""
    stop = threading.Event()
    others = ALL_CPUS - os.sched_getaffinity(0)

    def repeat() -> None:
        if others:
            os.sched_setaffinity(0, others)
        while not stop.is_set():
            turn()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(repeat)
        try:
            yield
        finally:
            stop.set()
        working.result()


class Pace:
    """Holds work to a rate by sleeping."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self.restart()

    def restart(self) -> None:
        """Begin anew, now."""
        self._begin = time.perf_counter()
        self._done = 0.0

    def hold(self, done: float) -> None:
        """Say what more was done, and sleep if that was ahead of time."""
        self._done += done
        time.sleep(max(0.0, self._begin + self._done / self._per_second - time.perf_counter()))
