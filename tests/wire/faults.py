"""A store that goes away when told to, before or after what it was asked."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from tandem_wire.errors import StoreUnavailable
from tandem_wire.store import Blob, Entry, Store

T = TypeVar("T")


class Faulty:
    """Passes calls on; after ``fail_after`` more it fails until that is set again (None: never)."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls = 0
        self.fail_after: int | None = None

    @property
    def location(self) -> str:
        return self.store.location

    def get(self, key: str) -> Blob:
        return self._call(lambda: self.store.get(key))

    def get_if_changed(self, key: str, etag: str) -> Blob | None:
        return self._call(lambda: self.store.get_if_changed(key, etag))

    def get_range(self, key: str, start: int, size: int) -> bytes:
        return self._call(lambda: self.store.get_range(key, start, size))

    def head(self, key: str) -> Entry | None:
        return self._call(lambda: self.store.head(key))

    def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
        return self._call(lambda: self.store.put(key, data, create=create, match=match))

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        return iter(self._call(lambda: list(self.store.list(prefix, after))))

    def delete(self, key: str) -> None:
        self._call(lambda: self.store.delete(key))

    def scoped(self, prefix: str) -> Store:
        return Faulty(self.store.scoped(prefix))

    def _call(self, call: Callable[[], T]) -> T:
        self.calls += 1
        if self.fail_after is not None:
            if self.fail_after == 0:
                raise StoreUnavailable("the test took the store away")
            self.fail_after -= 1
        return call()
