"""The user's cache: things that are slow to make, keyed by what they are made from, shared by every clone.

A thing is made in a folder of its own beside its final place and renamed when whole, under a lock file, so that a
reader never sees half of one and two clones never make the same at once.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster.errors import NoSpaceError

KEY_LENGTH = 16
SCRATCH = ".new-"


def root() -> Path:
    """Return the cache's folder: ``TANDEM_CACHE``, else ``~/.cache/tandem``."""
    return Path(os.environ.get("TANDEM_CACHE") or Path.home() / ".cache" / "tandem")


def key_of(files: Sequence[Path], *words: str) -> str:
    """Return a short digest of the files' names and bytes and of the words, in this order."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    for word in words:
        digest.update(f"{len(word)}\0{word}".encode())
    return digest.hexdigest()[:KEY_LENGTH]


def obtain(place: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder ``place``, made by ``make(new_folder)`` if it is not there yet."""
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.parent / ".lock"):
        if place.is_dir():
            return place
        for abandoned in place.parent.glob(f"{SCRATCH}*"):  # whoever made it was killed: we hold the lock
            shutil.rmtree(abandoned, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=place.parent))
        try:
            make(scratch)
            scratch.chmod(0o755)
            scratch.rename(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return place


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``file`` (made if absent); the kernel lets it go if this process dies."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def require_space(folder: Path, gigabytes: float) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
      NoSpaceError: less than ``gigabytes`` GB are free where ``folder`` is or will be.
    """
    there = folder
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free / 1e9
    if free < gigabytes:
        raise NoSpaceError(
            f"{folder}: {free:.1f} GB free, {gigabytes:.0f} GB needed. Free some, or set TANDEM_CACHE to a larger disk."
        )
