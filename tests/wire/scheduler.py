"""Programs that share a store, one step at a time, in an order that a list of numbers says.

Every program runs in a thread of its own and stops before each call of the store; the scheduler picks who goes on and
what becomes of the call. The same numbers give the same run.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from tandem_wire.errors import Conflict, StoreUnavailable
from tandem_wire.store import Blob, Entry, Store

T = TypeVar("T")


class Fate(Enum):
    """What becomes of one call."""

    DONE = "done"
    REFUSED = "the store is away: nothing happens, the caller gets an error"
    REPLY_LOST = "it happens, the caller gets an error"
    LATE = "the caller gets an error, and it happens later"
    CORRUPTED = "it happens, and later the bytes are found altered"
    CRASH = "the caller dies before the call"


@dataclass(frozen=True)
class Faults:
    """Fates and how many of 100 calls have them; the rest is done."""

    chances: tuple[tuple[Fate, int], ...]

    def fate(self, number: int) -> Fate:
        left = number % 100
        for fate, chance in self.chances:
            if left < chance:
                return fate
            left -= chance
        return Fate.DONE


class Crash(BaseException):
    """Ends a program at once, past every handler."""


@dataclass
class Schedule:
    """Runs programs; ``numbers`` decide, and zeros when they have run out (the first program, without faults)."""

    store: Store
    numbers: Sequence[int]
    faults: Faults
    _used: int = 0
    _condition: threading.Condition = field(default_factory=threading.Condition)
    _waiting: set[int] = field(default_factory=set)
    _alive: set[int] = field(default_factory=set)
    _granted: tuple[int, Fate] | None = None
    _late: list[Callable[[], object]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def run(self, programs: Sequence[Callable[[Store], None]]) -> None:
        threads = [threading.Thread(target=self._run, args=(i, p)) for i, p in enumerate(programs)]
        self._alive = set(range(len(programs)))
        for thread in threads:
            thread.start()
        while self._grant():
            pass
        for thread in threads:
            thread.join()
        for put in self._late:
            put()
        if self.errors:
            raise self.errors[0]

    def next(self) -> int:
        self._used += 1
        return self.numbers[self._used - 1] if self._used <= len(self.numbers) else 99

    def before(self, index: int) -> Fate:
        """Called by a program's store: wait for one's turn."""
        with self._condition:
            self._waiting.add(index)
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._granted is not None and self._granted[0] == index)
            assert self._granted is not None
            fate = self._granted[1]
            self._granted = None
            self._waiting.remove(index)
        if fate is Fate.CRASH:
            raise Crash
        if fate is Fate.REFUSED:
            raise StoreUnavailable("the store is away")
        return fate

    def later(self, put: Callable[[], object]) -> None:
        self._late.append(put)

    def _run(self, index: int, program: Callable[[Store], None]) -> None:
        try:
            program(Gate(self.store, self, index))
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by the test's own thread
            self.errors.append(error)
        finally:
            with self._condition:
                self._alive.remove(index)
                self._condition.notify_all()

    def _grant(self) -> bool:
        with self._condition:
            self._condition.wait_for(lambda: self._granted is None and self._waiting == self._alive)
            if not self._alive:
                return False
            ready = sorted(self._waiting)
            number = self.next()
            if self._late and number % 7 == 0:
                self._late.pop(number % len(self._late))()
            exhausted = self._used > len(self.numbers)
            chosen = ready[0] if exhausted else ready[number % len(ready)]
            self._granted = chosen, self.faults.fate(self.next())
            self._condition.notify_all()
            return True


class Gate:
    """One program's view of the store."""

    def __init__(self, store: Store, schedule: Schedule, index: int) -> None:
        self._store = store
        self._schedule = schedule
        self._index = index

    @property
    def location(self) -> str:
        return self._store.location

    def get(self, key: str) -> Blob:
        return self._read(lambda: self._store.get(key))

    def get_if_changed(self, key: str, etag: str) -> Blob | None:
        return self._read(lambda: self._store.get_if_changed(key, etag))

    def get_range(self, key: str, start: int, size: int) -> bytes:
        return self._read(lambda: self._store.get_range(key, start, size))

    def head(self, key: str) -> Entry | None:
        return self._read(lambda: self._store.head(key))

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        return iter(self._read(lambda: list(self._store.list(prefix, after))))

    def delete(self, key: str) -> None:
        self._read(lambda: self._store.delete(key))

    def scoped(self, prefix: str) -> Store:
        return Gate(self._store.scoped(prefix), self._schedule, self._index)

    def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
        fate = self._schedule.before(self._index)
        if fate is Fate.LATE:
            self._schedule.later(lambda: self._quietly(key, data, create=create, match=match))
            raise StoreUnavailable("the put is on its way")
        etag = self._store.put(key, data, create=create, match=match)
        if fate is Fate.CORRUPTED:
            self._store.put(key, data[:-2] + b"?}")
        if fate is Fate.REPLY_LOST:
            raise StoreUnavailable("the reply was lost")
        return etag

    def _quietly(self, key: str, data: bytes, *, create: bool, match: str | None) -> None:
        try:
            self._store.put(key, data, create=create, match=match)
        except Conflict:
            return

    def _read(self, call: Callable[[], T]) -> T:
        fate = self._schedule.before(self._index)
        if fate is Fate.REPLY_LOST:
            raise StoreUnavailable("the reply was lost")
        return call()
