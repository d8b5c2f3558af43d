"""What every side can do, and the memory of its process."""

import ctypes
import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from bench.ops.workload import Ids, Insert, Rows, Table, Work

Call = Callable[[Sequence[tf.Tensor], tf.Tensor], tf.Tensor]
"""Takes the ids of one call, a tensor for each table, and their event time, int64, which goes on from call to call.

Returns something that cannot be computed without the ids.
"""

CHUNK = 262_144


class CannotDo(Exception):  # noqa: N818 - says what happened
    """A side was asked for what it has no way to do."""


class Side(Protocol):
    """A way to hold embeddings in TensorFlow; it raises ``CannotDo`` for what it cannot."""

    def open(self, table: Table) -> None:
        """Make the tables and all their rows."""
        ...

    def ids(self, places: Ids) -> Ids:
        """Return by what this side knows the rows at places."""
        ...

    def call(self, work: Work) -> Call:
        """Return what one batch goes through."""
        ...

    def rows(self, places: Ids) -> Rows:
        """Read rows of the first table."""
        ...

    def insert(self, dim: int, what: Insert, batch: int) -> Callable[[tf.Tensor], object]:
        """Make an empty table for training and return what makes rows of fresh ids, int64 (n,), n up to the batch."""
        ...


def chunks(rows: int) -> list[npt.NDArray[np.int64]]:
    """Split the places of all rows into pieces that fit into a cache or nearly so."""
    return [np.arange(start, min(start + CHUNK, rows)) for start in range(0, rows, CHUNK)]


def quieten_python() -> None:
    """Take what is there out of Python's garbage collection, whose pauses are no table's."""
    gc.collect()
    gc.freeze()


def memory() -> dict[str, int]:
    """Return resident memory now and at its peak, bytes, after all that is free went back to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {what: int(status[what].split()[0]) * 1024 for what in ("VmRSS", "VmHWM")}
