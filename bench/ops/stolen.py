"""Time that the hypervisor took from a thread: it is the machine's, and no table's. Linux only."""

import os
import resource
import time
from dataclasses import dataclass

NANOSECONDS = 1e-9


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a thread's clocks stand, seconds.

    Attributes:
      wall: for everybody.
      ran: while it had a CPU that was really there; Linux leaves stolen time out of this one.
      waited: while it could have run and another thread did.
      pauses: how often it stopped by itself, to wait for a lock, for input, or for another thread.
    """

    wall: float
    ran: float
    waited: float
    pauses: int


def took(before: Moment, after: Moment) -> float:
    """Return how long something took without what was stolen: seconds in which the thread ran or waited for its turn.

    Where it paused too nobody can tell a pause from a theft: then all the time counts.

    Example:
      >>> took(Moment(1.0, 0.5, 0.0, 3), Moment(9.0, 2.5, 0.5, 3))
      2.5
      >>> took(Moment(1.0, 0.5, 0.0, 3), Moment(9.0, 2.5, 0.5, 4))
      8.0
    """
    passed = after.wall - before.wall
    if after.pauses != before.pauses:
        return passed
    return min(passed, after.ran - before.ran + after.waited - before.waited)


class ThreadClocks:
    """Reads the clocks of the thread that makes it, and of no other."""

    def __init__(self) -> None:
        self._schedule = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def read(self) -> Moment:
        """Return where they stand now."""
        _, waited, _ = os.pread(self._schedule, 100, 0).split()
        return Moment(
            time.perf_counter(),
            time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID),
            int(waited) * NANOSECONDS,
            resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw,
        )

    def close(self) -> None:
        """Read no more."""
        os.close(self._schedule)
