"""A store that can be made to fail."""

from functools import partial
from typing import cast

from tandem_wire.errors import StoreUnavailable
from tandem_wire.store import Store

AWAY = StoreUnavailable("no route to the store")


class FragileStore:
    """Passes everything on while ``error`` is None, and raises it else; ``misses`` counts how often.

    ``read`` has the keys of the objects that were read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.error: Exception | None = None
        self.misses = 0
        self.read: list[str] = []

    @property
    def store(self) -> Store:
        """This, as what it passes on to."""
        return cast("Store", self)

    def __getattr__(self, name: str) -> object:
        if self.error is not None:
            self.misses += 1
            raise self.error
        if name in ("get", "get_range"):
            return partial(self._get, name)
        return getattr(self._store, name)

    def _get(self, name: str, key: str, *range_: int) -> object:
        self.read.append(key)
        return getattr(self._store, name)(key, *range_)
