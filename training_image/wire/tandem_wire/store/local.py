"""A store in a directory, for tests, demos and single machines; several processes may share it.

An object is a file. A put writes a temporary file, syncs it, and links or renames it to its place, so that a reader
sees all of an object or nothing. Puts that replace or compare hold a file lock; creating needs none, since a link is
exclusive by itself.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tandem_wire.errors import Conflict, NoSuchBucket, NotFound, StoreDenied, StoreUnavailable
from tandem_wire.store.protocol import Blob, Entry, check_condition, check_key

_OWN = ".tandem"


class LocalStore:
    """A directory as an object store; ETags are the SHA-256 of the bytes."""

    def __init__(self, root: Path, prefix: str = "") -> None:
        self._root = root
        self._prefix = prefix
        with _translated(root):
            (root / _OWN).mkdir(parents=True, exist_ok=True)

    @property
    def location(self) -> str:
        """``file:///directory/prefix``."""
        return f"file://{self._root}/{self._prefix}".rstrip("/")

    def get(self, key: str) -> Blob:
        """Read a file whole."""
        with _translated(self._root):
            try:
                data = self._path(key).read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                raise NotFound(key) from error
        return Blob(data, _etag(data))

    def get_if_changed(self, key: str, etag: str) -> Blob | None:
        """Read a file, and keep it to oneself if its ETag is ``etag``."""
        blob = self.get(key)
        return None if blob.etag == etag else blob

    def get_range(self, key: str, start: int, size: int) -> bytes:
        """Read a part of a file."""
        with _translated(self._root):
            try:
                with self._path(key).open("rb") as file:
                    file.seek(start)
                    return file.read(size)
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                raise NotFound(key) from error

    def head(self, key: str) -> Entry | None:
        """Describe a file."""
        return self._entry(key, self._path(key))

    def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
        """Write a file whole, durable when this returns."""
        check_condition(create=create, match=match)
        path = self._path(key)
        temporary = self._root / _OWN / f"put-{secrets.token_hex(8)}"
        with _translated(self._root):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(temporary, data)
                if create:
                    os.link(temporary, path)
                else:
                    self._replace(temporary, path, match)
                _sync_directory(path.parent)
            except FileExistsError as error:
                raise Conflict(key) from error
            except Conflict as error:
                raise Conflict(key) from error
            finally:
                temporary.unlink(missing_ok=True)
        return _etag(data)

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """List files; the order is that of the bytes of their keys."""
        whole = f"{self._prefix}/{prefix}" if self._prefix else prefix
        folder = self._root / whole.rpartition("/")[0]
        cut = len(self._prefix) + 1 if self._prefix else 0
        found: list[tuple[bytes, str, Path]] = []
        for directory, folders, files in os.walk(folder):
            if Path(directory) == self._root:
                folders[:] = [name for name in folders if name != _OWN]
            for name in files:
                path = Path(directory) / name
                key = path.relative_to(self._root).as_posix()[cut:]
                if key.startswith(prefix) and key.encode() > after.encode():
                    found.append((key.encode(), key, path))
        for _, key, path in sorted(found):
            entry = self._entry(key, path)
            if entry is not None:
                yield entry

    def delete(self, key: str) -> None:
        """Remove a file; empty directories stay, they are not objects."""
        with _translated(self._root), self._locked():
            self._path(key).unlink(missing_ok=True)

    def scoped(self, prefix: str) -> "LocalStore":
        """The same directory below a prefix."""
        check_key(prefix.strip("/"))
        return LocalStore(self._root, "/".join(p for p in (self._prefix, prefix.strip("/")) if p))

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / self._prefix / key

    def _entry(self, key: str, path: Path) -> Entry | None:
        with _translated(self._root):
            try:
                data = path.read_bytes()
                modified = path.stat().st_mtime
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                return None
        return Entry(key, len(data), _etag(data), datetime.fromtimestamp(modified, UTC))

    def _replace(self, temporary: Path, path: Path, match: str | None) -> None:
        with self._locked():
            if match is not None:
                try:
                    current = _etag(path.read_bytes())
                except FileNotFoundError as error:
                    raise Conflict(path.name) from error
                if current != match:
                    raise Conflict(path.name)
            temporary.replace(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._root / _OWN / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated(root: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoSuchBucket(
            f"{root}: the directory does not exist or is no directory: create it, or correct the store's url"
        ) from error
    except PermissionError as error:
        raise StoreDenied(
            f"{root}: {error.strerror} for {error.filename}: let this user read and write the directory"
        ) from error
    except FileExistsError:
        raise
    except OSError as error:
        raise StoreUnavailable(f"{root}: {error}") from error
