"""A store that is read once: what judges read again and again never changes, so it is kept."""

from collections.abc import Iterator

from tandem_wire.store import Blob, Entry, Store


class Remembering:
    """A store whose objects are read from the real one only the first time. Not for ``target.json``, which changes.

    Writes are not its business: they raise.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, Blob] = {}

    @property
    def location(self) -> str:
        """Where the real store is."""
        return self._store.location

    def get(self, key: str) -> Blob:
        """Read an object, from memory if it was read before."""
        if key not in self._kept:
            self._kept[key] = self._store.get(key)
        return self._kept[key]

    def get_if_changed(self, key: str, etag: str) -> Blob | None:
        """As the real store."""
        return self._store.get_if_changed(key, etag)

    def get_range(self, key: str, start: int, size: int) -> bytes:
        """Read a part of an object, which is kept whole."""
        return self.get(key).data[start : start + size]

    def head(self, key: str) -> Entry | None:
        """As the real store."""
        return self._store.head(key)

    def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
        """Refuse.

        Raises:
          PermissionError: always.
        """
        raise PermissionError(f"{key}: a judge does not write ({len(data)} bytes, {create=}, {match=})")

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """As the real store."""
        return self._store.list(prefix, after)

    def delete(self, key: str) -> None:
        """Refuse.

        Raises:
          PermissionError: always.
        """
        raise PermissionError(f"{key}: a judge does not delete")

    def scoped(self, prefix: str) -> Store:
        """The real store below a prefix, with a memory of its own."""
        return Remembering(self._store.scoped(prefix))
