"""Calls at fixed times, and work beside them. Knows nothing of tables."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def open_loop(call: Callable[[T], object], inputs: Sequence[T], period: float, seconds: float) -> list[float]:
    """Call at fixed times, late or not; seconds from when each call was due to when it was answered."""
    latencies = []
    begin = time.perf_counter() + period
    for number in range(round(seconds / period)):
        due = begin + number * period
        while (left := due - time.perf_counter()) > 0:
            if left > 0.0003:  # noqa: PLR2004 - sleeping is late by a tenth of a millisecond; the rest is spun
                time.sleep(left - 0.0002)
        call(inputs[number % len(inputs)])
        latencies.append(time.perf_counter() - due)
    return latencies


@contextmanager
def beside(turn: Callable[[], None]) -> Iterator[None]:
    """Repeat a turn in a thread of its own, at normal priority, while the body runs."""
    stop = threading.Event()

    def repeat() -> None:
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
