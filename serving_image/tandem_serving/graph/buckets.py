"""The batch sizes that programs are compiled for; a batch is filled up to the next one, and its answers cut back."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from tandem_wire.errors import InvalidValue

Floats = npt.NDArray[np.float32]

LARGEST: Final = 8192
"""The engine's own limit of one batch."""
MOST: Final = 32
"""Each is a program of its own, compiled before a base takes traffic."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Ascending batch sizes, each once.

    Raises:
      InvalidValue: there is none, there are too many, or one is not from 1 to 8192; ``field`` names the entry.
    """

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.sizes) <= MOST:
            raise InvalidValue("batchSizes", f"has {len(self.sizes)} sizes; give 1 to {MOST}")
        for i, size in enumerate(self.sizes):
            if not 1 <= size <= LARGEST:
                raise InvalidValue(f"batchSizes[{i}]", f"{size} must be from 1 to {LARGEST}")
            if i and size <= self.sizes[i - 1]:
                raise InvalidValue(f"batchSizes[{i}]", f"{size} must be above {self.sizes[i - 1]}, which is before it")

    @classmethod
    def of(cls, sizes: Iterable[int]) -> "Buckets":
        """Sort what a person wrote; a size that stands twice is one."""
        return cls(tuple(sorted(set(sizes))))

    @property
    def largest(self) -> int:
        """Rows of the largest batch."""
        return self.sizes[-1]

    @property
    def warm_up_order(self) -> tuple[int, ...]:
        """Largest first, so that the most memory that will be needed is known before anything else is compiled."""
        return self.sizes[::-1]

    def bucket(self, rows: int) -> int:
        """Return the size that a batch of so many rows is filled up to.

        Raises:
          InvalidValue: the batch is empty, or larger than the largest bucket; the caller cuts it first.
        """
        if not 1 <= rows <= self.largest:
            raise InvalidValue("rows", f"{rows} must be from 1 to {self.largest}, the largest bucket")
        return self.sizes[bisect_left(self.sizes, rows)]

    def cut(self, rows: int) -> tuple[int, ...]:
        """Cut a batch of any size into batches that buckets hold: as many of the largest as fit, and what is left."""
        whole, left = divmod(rows, self.largest)
        return (self.largest,) * whole + ((left,) if left else ())


def pad(batch: Floats, bucket: int) -> Floats:
    """Fill a batch up with rows of zeros; one that fills its bucket is returned as it is.

    Example:
      >>> pad(np.ones((1, 2), np.float32), 2)
      array([[1., 1.],
             [0., 0.]], dtype=float32)
    """
    missing = bucket - len(batch)
    return batch if missing == 0 else np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)])


def take(answers: Sequence[Floats], rows: int) -> list[Floats]:
    """Give back the rows that were asked for, of each answer."""
    return [answer[:rows] for answer in answers]
