"""Folders for stores that need many synced files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

MEMORY = Path("/dev/shm")  # noqa: S108 - a fresh name of its own is made in it


@contextmanager
def fast_folder() -> Iterator[Path]:
    """A folder in memory where there is such a place, on disk otherwise."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)
