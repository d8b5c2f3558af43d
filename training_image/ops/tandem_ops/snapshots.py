"""Rows outside their table: what a snapshot and a delta carry."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Rows of a table as columns, sorted by key; one consistent cut.

    What a table gives is read-only: the columns are views of what its kernel wrote.

    Args:
      keys: int64 [n], sorted and unique.
      rows: float32 [n, dim].
      slots: float32 [n, slots * dim]: the optimizer's slots, one after another.
      steps: int64 [n]: the row's own count of optimizer steps.
      seen: int64 [n]: greatest event time of a training lookup, 0 where none was told.
    """

    keys: Int64s
    rows: Float32s
    slots: Float32s
    steps: Int64s
    seen: Int64s

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """What changed since the last acknowledged delta.

    Args:
      epoch: to be given to ``ack`` once the delta is durable.
      keys, rows, slots, steps, seen: the changed rows, as in :class:`Snapshot`.
      removed: int64 [r], sorted: keys that had a row and have none now.
    """

    epoch: int
    keys: Int64s
    rows: Float32s
    slots: Float32s
    steps: Int64s
    seen: Int64s
    removed: Int64s

    @property
    def changed(self) -> Snapshot:
        """The changed rows in the form that ``load_rows`` takes."""
        return Snapshot(self.keys, self.rows, self.slots, self.steps, self.seen)
