"""The article's CallGraph operation: what hangs on weights only is run again every so many calls or seconds.

What is cached is then older than the weights beside it, for ``count_interval`` calls or ``time_interval`` seconds after
each update, and an answer mixes the two. This server runs the fold graph once per version instead and publishes its
results with the weights (``on: version``), which costs requests nothing. The intervals are here for those who compare.
"""

from dataclasses import dataclass

from tandem_wire.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Intervals:
    """When a cached result is too old.

    Attributes:
      count_interval: it serves this many calls, the one that made it among them; 0: any number.
      time_interval: it serves for less than this many seconds; 0: for ever.
    """

    count_interval: int
    time_interval: float

    def __post_init__(self) -> None:
        if self.count_interval < 0:
            raise InvalidValue("countInterval", f"{self.count_interval} must be 0 (not by calls) or more")
        if not 0 <= self.time_interval < float("inf"):
            raise InvalidValue("timeInterval", f"{self.time_interval} must be 0 (not by time) or more seconds")


@dataclass(frozen=True, slots=True)
class Cached:
    """A result that was made.

    Attributes:
      made: when the call began that made it, in seconds of a monotonic clock.
      calls: how many calls it has served, the one that made it among them.
    """

    made: float
    calls: int


def call(intervals: Intervals, cached: Cached | None, now: float) -> tuple[bool, Cached]:
    """Decide whether one call runs the sub-graph, and what is cached after it.

    Args:
      intervals: when a result is too old; it is when either says so.
      cached: what the call before left; None before the first, which always runs.
      now: when this call begins. A clock that went back makes the result too old, where time counts at all.

    Returns:
      Whether to run, and the state to hand to the next call.

    Example:
      >>> call(Intervals(2, 0.0), Cached(made=5.0, calls=2), 6.0)
      (True, Cached(made=6.0, calls=1))
    """
    if cached is None or _too_old(intervals, cached, now):
        return True, Cached(now, 1)
    return False, Cached(cached.made, cached.calls + 1)


def _too_old(intervals: Intervals, cached: Cached, now: float) -> bool:
    by_count = 0 < intervals.count_interval <= cached.calls
    by_time = intervals.time_interval > 0 and not 0 <= now - cached.made < intervals.time_interval
    return by_count or by_time
