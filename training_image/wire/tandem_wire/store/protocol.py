"""What every store can do. Keys are UTF-8 strings of parts joined by ``/``; data are whole objects."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem_wire.errors import InvalidValue

_KEY = re.compile(r"[^/\x00-\x1f\\]+(/[^/\x00-\x1f\\]+)*")


@dataclass(frozen=True, slots=True)
class Blob:
    """An object's bytes and the ETag they were read under."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An object without its bytes; ``size`` in bytes, ``modified`` by the store's clock, in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime


class Store(Protocol):
    """An object store with conditional puts and listings that see every finished put.

    Every method may raise StoreUnavailable, StoreDenied or NoSuchBucket. After StoreUnavailable a put may or may not
    have happened. All methods may be called from any thread.
    """

    @property
    def location(self) -> str:
        """Where it is, for messages: ``s3://bucket/prefix`` or ``file:///directory``."""
        ...

    def get(self, key: str) -> Blob:
        """Read an object; NotFound when it is not there."""
        ...

    def get_if_changed(self, key: str, etag: str) -> Blob | None:
        """Read an object unless its ETag is ``etag``; None when unchanged; NotFound when it is not there."""
        ...

    def get_range(self, key: str, start: int, size: int) -> bytes:
        """Read ``size`` bytes from ``start`` on, fewer where the object ends; NotFound when it is not there.

        Two calls may read two objects, if it was replaced between them; who joins pieces verifies a digest.
        """
        ...

    def head(self, key: str) -> Entry | None:
        """Describe an object; None when it is not there."""
        ...

    def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
        """Write an object whole and return its ETag.

        Args:
          key: where.
          data: all bytes.
          create: only if there is no object (If-None-Match: *).
          match: only if the object's ETag is this (If-Match).

        Raises:
          Conflict: the condition does not hold.
        """
        ...

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """List the objects whose keys begin with ``prefix`` and are above ``after``, in the order of their bytes."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; not an error when it is not there."""
        ...

    def scoped(self, prefix: str) -> "Store":
        """The same store below a prefix."""
        ...


def check_key(key: str) -> None:
    """Refuse a key that is empty, has empty, ``.`` or ``..`` parts, a back-slash or control characters.

    Raises:
      InvalidValue: naming the key.
    """
    if _KEY.fullmatch(key) is None or any(part in (".", "..") for part in key.split("/")):
        raise InvalidValue("key", f"{key!r} is not a key of the store")


def check_condition(*, create: bool, match: str | None) -> None:
    """Refuse a put with both conditions."""
    if create and match is not None:
        raise InvalidValue("match", "a put has either create or match, not both")
