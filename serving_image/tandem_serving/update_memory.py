"""Memory that updates are read into, used again for the next one.

An update of 50 MB each second would otherwise take 100 MB of fresh pages each second, as bytes of this program and as
the file that the engine reads, and free them at once: requests then wait while the kernel, and a hypervisor behind it,
clears and moves pages. Here the bytes go from the store into a file in memory that stays, and the engine reads that
file.

Memory: what the last update had, ``KEPT_BYTES`` at most, or the last two if somebody held the first one for longer; and
a piece of what is read, whose pages malloc keeps.
"""

import mmap
import os
import weakref
from collections.abc import Iterable

from tandem_wire.objects import get_object, read_object
from tandem_wire.records import ObjectRef
from tandem_wire.store import Store

from tandem_serving.handover import write_all

KEPT_BYTES = 64 << 20
"""The largest update that is read here."""
_ROOMS = 2
"""The second one while somebody still looks at what lies in the first."""


class UpdateMemory:
    """Reads objects into files that it keeps. Not for several threads at once."""

    def __init__(self) -> None:
        self._rooms: list[_Room] = []

    def read(self, store: Store, ref: ObjectRef, called: str) -> bytes | memoryview:
        """Read an object and verify size and digest.

        What comes back is read-only, and stays as it is for as long as anybody holds it or a view of it.

        Args:
          store: the model's store.
          ref: what the manifest says.
          called: the record's name for errors.

        Raises:
          Refused: the object is gone, torn or altered.
          StoreUnavailable: the store did not answer.
        """
        room = self._free() if 0 < ref.size <= KEPT_BYTES else None
        if room is None:
            return get_object(store, ref, called)
        return room.fill(ref.size, read_object(store, ref, called))

    def descriptor(self, data: object) -> int | None:
        """Return a descriptor of the file that ``data`` lies in, for the caller to close; None if it lies in none."""
        if isinstance(data, memoryview):
            for room in self._rooms:
                if room.holds(data):
                    return os.dup(room.descriptor)
        return None

    def _free(self) -> "_Room | None":
        for room in self._rooms:
            if room.free():
                return room
        if len(self._rooms) == _ROOMS:
            return None
        self._rooms.append(_Room())
        return self._rooms[-1]


class _Room:
    """A file in memory, and the mapping that is looked at."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("update")
        weakref.finalize(self, os.close, self.descriptor)  # views keep what they look at
        self._map: mmap.mmap | None = None

    def free(self) -> bool:
        """Whether nobody looks at it any more."""
        if self._map is None:
            return True
        try:
            self._map.close()
        except BufferError:  # somebody holds a view
            return False
        self._map = None
        return True

    def fill(self, size: int, pieces: Iterable[bytes]) -> memoryview:
        """Replace what is there; only while it is free."""
        os.ftruncate(self.descriptor, size)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        for piece in pieces:
            write_all(self.descriptor, piece)
        self._map = mmap.mmap(self.descriptor, size, access=mmap.ACCESS_READ)
        return memoryview(self._map)

    def holds(self, data: memoryview) -> bool:
        """Whether these bytes lie in it."""
        return self._map is not None and data.obj is self._map
