"""A keyed queue: a key is worked on by one worker at a time and is never twice in the queue.

It may be due later, and is tried again with exponential back-off and jitter after a failure.

:class:`Agenda` is the queue without waiting, with the time as an argument; :class:`KeyedQueue` waits for it.
"""

import asyncio
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0


@dataclass(slots=True)
class Agenda:
    """Which keys are due when. Not for use from several threads."""

    jitter: Callable[[], float] = field(default=random.random)
    """Gives numbers in [0, 1)."""
    _due: dict[str, float] = field(default_factory=dict)
    """key → when it is due; for keys that wait."""
    _heap: list[tuple[float, str]] = field(default_factory=list)
    """What may be due, with entries that the dictionary above has overtaken."""
    _busy: dict[str, float | None] = field(default_factory=dict)
    """key → when it was asked for while being worked on."""
    _failures: dict[str, int] = field(default_factory=dict)

    def add(self, key: str, at: float) -> None:
        """Ask for a key at a time; the earliest wish counts."""
        if key in self._busy:
            wish = self._busy[key]
            self._busy[key] = at if wish is None else min(wish, at)
        elif key not in self._due or at < self._due[key]:
            self._due[key] = at
            heapq.heappush(self._heap, (at, key))

    def take(self, now: float) -> str | None:
        """Give a key that is due, to be worked on until :meth:`done` or :meth:`failed`."""
        self._clean()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, key = heapq.heappop(self._heap)
        del self._due[key]
        self._busy[key] = None
        return key

    def next_due(self) -> float | None:
        """Tell when the next key is due."""
        self._clean()
        return self._heap[0][0] if self._heap else None

    def done(self, key: str, again: float | None = None) -> None:
        """Work on a key went well; it comes again at ``again``, or earlier if it was asked for meanwhile."""
        self._failures.pop(key, None)
        self._release(key, again)

    def failed(self, key: str, now: float) -> float:
        """Work on a key failed; returns after how many seconds it comes again.

        A wish from meanwhile does not shorten the pause: children that come and go must not turn it into a busy loop.
        """
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(count, 16)) * (0.5 + 0.5 * self.jitter())
        self._busy[key] = None
        self._release(key, now + pause)
        return pause

    def forget(self, key: str) -> None:
        """The object of the key is gone: drop what is remembered, unless it was asked for meanwhile."""
        self._failures.pop(key, None)
        self._release(key, None)

    def __len__(self) -> int:
        return len(self._due)

    def _release(self, key: str, again: float | None) -> None:
        wish = self._busy.pop(key)
        instants = [at for at in (wish, again) if at is not None]
        if instants:
            self.add(key, min(instants))

    def _clean(self) -> None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)


class KeyedQueue:
    """An agenda that can be waited for."""

    def __init__(self, clock: Callable[[], float], agenda: Agenda | None = None) -> None:
        self._clock = clock
        self._agenda = agenda if agenda is not None else Agenda()
        self._changed = asyncio.Event()

    def add(self, key: str, after: float = 0.0) -> None:
        """Ask for a key in so many seconds."""
        self._agenda.add(key, self._clock() + after)
        self._changed.set()

    async def take(self) -> str:
        """Wait for a key that is due."""
        while True:
            key = self._agenda.take(self._clock())
            if key is not None:
                return key
            self._changed.clear()
            due = self._agenda.next_due()
            pause = None if due is None else max(0.0, due - self._clock())
            try:
                await asyncio.wait_for(self._changed.wait(), pause)
            except TimeoutError:
                continue

    def done(self, key: str, after: float | None) -> None:
        """Work went well; come again in so many seconds, or only when asked."""
        self._agenda.done(key, None if after is None else self._clock() + after)
        self._changed.set()

    def failed(self, key: str) -> float:
        """Work failed; come again after a pause, which is returned in seconds."""
        pause = self._agenda.failed(key, self._clock())
        self._changed.set()
        return pause

    def forget(self, key: str) -> None:
        """Drop what is remembered of a key."""
        self._agenda.forget(key)
        self._changed.set()

    def __len__(self) -> int:
        return len(self._agenda)
