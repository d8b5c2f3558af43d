"""A progress line per step, with the time since the start and the time of the step."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(slots=True)
class Progress:
    """Writes ``[  12.3s] what … 4.1s``: printed when the step starts, completed when it ends."""

    out: TextIO = field(default_factory=lambda: sys.stderr)
    began: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Seconds since this object was made."""
        return time.monotonic() - self.began

    def say(self, text: str) -> None:
        """Write one complete line."""
        print(f"[{self.elapsed():6.1f}s] {text}", file=self.out, flush=True)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show that ``what`` is being done, and how long it took or that it failed."""
        start = time.monotonic()
        print(f"[{self.elapsed():6.1f}s] {what} …", end="", file=self.out, flush=True)
        try:
            yield
        except BaseException:
            print(f" failed after {time.monotonic() - start:.1f}s", file=self.out, flush=True)
            raise
        print(f" {time.monotonic() - start:.1f}s", file=self.out, flush=True)
