"""How bytes get from this program into the engine: as files of a folder, without a place on a disk of their own.

Each name is a link to a descriptor that this process holds: of a file in the cache, or of a file in memory, which has
no limit but the container's (a pod's /dev/shm has 64 MiB). They are gone when the folder is left, or when this process
dies, however that comes. The folder itself lies in /dev/shm where there is one, so that a full disk keeps nobody from
following updates.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Self

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - names that nobody can guess, in a folder for this user alone


class Handover:
    """A folder of such files, while it is held by ``with``."""

    def __init__(self) -> None:
        self._descriptors: list[int] = []
        self.path = _folder()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        for descriptor in self._descriptors:
            os.close(descriptor)

    def add(self, name: str, descriptor: int) -> Path:
        """Show a descriptor under this name; it is closed with the folder.

        Raises:
          FileExistsError: there is one of this name already.
        """
        self._descriptors.append(descriptor)
        place = self.path / name
        place.symlink_to(f"/proc/{os.getpid()}/fd/{descriptor}")
        return place

    def put(self, name: str, data: bytes | memoryview) -> Path:
        """Show bytes under this name.

        Raises:
          FileExistsError: there is one of this name already.
        """
        return self.add(name, in_memory(name, (data,)))


def _folder() -> Path:
    place = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK | os.X_OK) else None
    return Path(tempfile.mkdtemp(prefix="tandem-handover-", dir=place))


def in_memory(name: str, pieces: Iterable[bytes | memoryview]) -> int:
    """Write bytes into a file in memory and return its descriptor; the memory is free when it is closed."""
    descriptor = os.memfd_create(name)
    try:
        for piece in pieces:
            write_all(descriptor, piece)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of it; the kernel takes at most 2 GiB at once."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
