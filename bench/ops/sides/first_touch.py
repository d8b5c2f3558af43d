"""No table: memory touched for the first time, as much in each call as our rows take. What the machine itself takes."""

import ctypes
import mmap
from collections.abc import Callable

import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.side import Call, CannotDo
from bench.ops.workload import Ids, Insert, Rows, Table, Work

PIECE = 64 * 2**20
OVER_RAW = 1.2
"""A row of ours, with its entry in the index, to what it is by itself."""


class FirstTouch:
    """Writes to fresh memory in huge pages, as our tables ask for it; one thread."""

    def open(self, table: Table) -> None:
        """Refuse."""
        raise CannotDo(f"no table of {table.rows} rows")

    def ids(self, places: Ids) -> Ids:
        """Return keys."""
        return workload.keys(places)

    def call(self, work: Work) -> Call:
        """Refuse."""
        raise CannotDo(f"no table, no {work.step}")

    def rows(self, places: Ids) -> Rows:
        """Refuse."""
        raise CannotDo(f"no table, no rows at {len(places)} places")

    def insert(self, dim: int, what: Insert, batch: int) -> Callable[[tf.Tensor], object]:
        """Touch what rows take, a piece of addresses after the other."""
        row = round(OVER_RAW * workload.raw_bytes(dim, 0 if what == "rows" else 2))
        if batch * row > PIECE:
            raise CannotDo(f"a batch of {batch} ids is more than {PIECE} bytes")
        self._pieces: list[mmap.mmap] = []
        at = PIECE

        def touch(ids: tf.Tensor) -> None:
            nonlocal at
            size = int(ids.shape[0]) * row
            if at + size > PIECE:
                self._pieces.append(mmap.mmap(-1, PIECE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
                self._pieces[-1].madvise(mmap.MADV_HUGEPAGE)
                at = 0
            ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(self._pieces[-1], at)), 1, size)
            at += size

        return touch
