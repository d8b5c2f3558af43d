"""A progress line per step, with the time since the start and the time of the step.

Whole lines only, since two programs may report to one terminal.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

AT_ONCE_S = 0.5


@dataclass(slots=True)
class Progress:
    """Writes ``[  12.3s] what …`` when a step starts and ``[  16.4s] what: 4.1s`` when it ends, unless at once."""

    out: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    def elapsed(self) -> float:
        """Seconds since this object was made."""
        return self.clock() - self.began

    def say(self, text: str) -> None:
        """Write one complete line."""
        print(f"[{self.elapsed():6.1f}s] {text}", file=self.out, flush=True)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show that ``what`` is being done, and how long it took or that it failed."""
        start = self.elapsed()
        self.say(f"{what} …")
        try:
            yield
        except BaseException:
            self.say(f"{what}: failed after {self.elapsed() - start:.1f}s")
            raise
        took = self.elapsed() - start
        if took >= AT_ONCE_S:
            self.say(f"{what}: {took:.1f}s")
