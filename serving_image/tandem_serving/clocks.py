"""What time it is, for people and for schedules."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Two clocks.

    Args:
      now: the wall clock, for what people read; somebody may set it.
      monotonic: seconds that never jump, for when to do what.
    """

    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
