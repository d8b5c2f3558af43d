"""Objects of bases on the local disk, so that a pod that starts again, or goes back to a base, reads them from there.

An object's name is its digest, which is checked whenever it is read: what is served never rests on a disk. The folder
is bounded; what was not used for the longest time leaves first, and since the objects of a base are used together, old
bases leave. The cache only ever saves time: where it can't be written, a base comes from the store as if there were
none.
"""

import hashlib
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import structlog
from tandem_wire.objects import read_object
from tandem_wire.records import ObjectRef
from tandem_wire.store import Store

from tandem_serving.errors import ConfigError
from tandem_serving.handover import in_memory, write_all

FOLDER = "TANDEM_SERVING_CACHE"
BYTES = "TANDEM_SERVING_CACHE_BYTES"
_GIB = 1 << 30
_PIECE = 16 << 20
_DIGEST_PIECE = 4 << 20
"""Of an object that is read from the disk, which is near."""
_NEW = ".new-"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """Where and how much.

    Args:
      folder: made if it is missing.
      most_bytes: all that is kept together; 0 keeps nothing.
      free_bytes: what is left free on the disk, whatever the bound says.
    """

    folder: Path
    most_bytes: int = 16 * _GIB
    free_bytes: int = _GIB


def configured(environment: Mapping[str, str]) -> CacheOptions:
    """Read folder and bound from the environment; without them, a folder for temporary files and the default bound.

    Raises:
      ConfigError: the bound is no number of bytes.
    """
    folder = environment.get(FOLDER) or f"{tempfile.gettempdir()}/tandem-bases"
    text = environment.get(BYTES)
    if text is None:
        return CacheOptions(Path(folder))
    if not text.isdecimal():
        raise ConfigError("InvalidConfig", f"{BYTES} is {text!r}; it must be a number of bytes, 0 for no cache")
    return CacheOptions(Path(folder), int(text))


def _nothing() -> None:
    """What happens when an object was not kept, unless somebody counts."""


class Cache:
    """The folder. Methods may be called from any thread; several processes may share it.

    Args:
      options: where and how much.
      unkept: called for each object that the disk did not take.
    """

    def __init__(self, options: CacheOptions, unkept: Callable[[], None] = _nothing) -> None:
        self._options = options
        self._unkept = unkept
        self._lock = threading.Lock()
        self._told = False

    def open(self, store: Store, ref: ObjectRef, called: str) -> int:
        """Return a descriptor of an object's verified bytes, from the disk if it is there, else from the store.

        Args:
          store: the model's store.
          ref: what the manifest says of the object.
          called: the record's name, for errors.

        Raises:
          WireError: the store did not answer, or the object is not what the manifest says.
        """
        kept = self._verified(ref)
        if kept is not None:
            return kept
        descriptor = self._keep(ref, read_object(store, ref, called, _PIECE))
        if descriptor is None:
            if self._options.most_bytes:  # else nothing was to be kept
                self._unkept()
            return in_memory(ref.name, read_object(store, ref, called, _PIECE))
        return descriptor

    def _verified(self, ref: ObjectRef) -> int | None:
        path = self._options.folder / ref.sha256
        try:
            with path.open("rb", buffering=0) as file:
                whole = os.fstat(file.fileno()).st_size == ref.size
                if whole and _digest(file) == ref.sha256:
                    os.utime(path)
                    return os.dup(file.fileno())
            path.unlink(missing_ok=True)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._tell(error, ref)
            return None
        _log.warning("an object in the cache is not what it was; it is read from the store anew", object=ref.name)
        return None

    def _keep(self, ref: ObjectRef, pieces: Iterator[bytes]) -> int | None:
        """Write an object as it comes and return its descriptor; None where it can't be kept.

        It has its name, by which it is found, only after the last piece was verified.
        """
        folder = self._options.folder
        scratch = folder / f"{_NEW}{secrets.token_hex(8)}"
        try:
            with self._lock:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not self._make_room(ref):
                    return None
            descriptor = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                _write(descriptor, pieces)
                scratch.rename(folder / ref.sha256)
            except BaseException:
                os.close(descriptor)
                scratch.unlink(missing_ok=True)
                raise
        except OSError as error:
            self._tell(error, ref)
            return None
        return descriptor

    def _make_room(self, ref: ObjectRef) -> bool:
        """Remove what was not used for the longest time until an object fits; whether it does."""
        options, size = self._options, ref.size
        found = sorted(_files(options.folder), key=lambda entry: entry[1].st_mtime_ns)
        taken = sum(about.st_size for _, about in found)
        free = shutil.disk_usage(options.folder).free
        most = min(options.most_bytes, taken + free - options.free_bytes)
        if size > most:
            _log.info(
                "an object is larger than the cache may be; it is not kept",
                object=ref.name,
                bytes=size,
                most=max(0, most),
                disk_free=free,
            )
            return False
        for path, about in found:
            if taken + size <= most:
                break
            path.unlink(missing_ok=True)
            taken -= about.st_size
        return True

    def _tell(self, error: OSError, ref: ObjectRef) -> None:
        """Say once why nothing is kept."""
        if not self._told:
            self._told = True
            _log.warning(
                "the cache of bases can't be used; bases come from the store and are not kept: "
                f"give the pod more room there, or another folder by {FOLDER}",
                folder=str(self._options.folder),
                object=ref.name,
                error=str(error),
            )


def _write(descriptor: int, pieces: Iterator[bytes]) -> None:
    """Write piece by piece; the pages of each leave the page cache, which counts for the container."""
    for piece in pieces:
        write_all(descriptor, piece)
        os.fdatasync(descriptor)  # pages that are still to be written can't be let go of
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _digest(file: FileIO) -> str:
    """Read piece by piece for the digest; likewise, since a base is larger than what swapping to it may take."""
    digest = hashlib.sha256()
    at = 0
    while piece := file.read(_DIGEST_PIECE):
        digest.update(piece)
        at += len(piece)
        os.posix_fadvise(file.fileno(), 0, at, os.POSIX_FADV_DONTNEED)  # folios reach over pieces
    return digest.hexdigest()


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for path in folder.iterdir():
        try:
            found.append((path, path.stat()))
        except FileNotFoundError:  # another process removed it
            continue
    return found
