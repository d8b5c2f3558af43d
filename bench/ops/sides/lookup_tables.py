"""TensorFlow's own hash tables with vectors as values; they have no optimizers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.side import Call, chunks
from bench.ops.workload import KNOWN_PLACES, Ids, Rows, Table, Work

NEVER = workload.keys(np.array([2 * KNOWN_PLACES, 2 * KNOWN_PLACES + 1]))
"""Keys that DenseHashTable needs for itself."""


class LookupTable:
    """``DenseHashTable`` or ``MutableHashTable``.

    Args:
      dense: which.
    """

    def __init__(self, *, dense: bool) -> None:
        self._dense = dense

    def open(self, table: Table) -> None:
        """Insert all rows."""
        self._tables = [self._empty(table.dim) for _ in range(table.tables)]
        for made in self._tables:
            for places in chunks(table.rows):
                made.insert(tf.constant(workload.keys(places)), tf.constant(workload.values(places, table.dim)))

    def ids(self, places: Ids) -> Ids:
        """Return keys."""
        return workload.keys(places)

    def call(self, work: Work) -> Call:
        """Return a function of one batch."""
        if work.step != "lookup":
            raise NotImplementedError("TensorFlow's hash tables have no optimizer")
        return self._lookup

    def rows(self, places: Ids) -> Rows:
        """Read rows."""
        found: Rows = self._tables[0].lookup(tf.constant(workload.keys(places))).numpy()
        return found

    def insert(self, dim: int) -> Callable[[tf.Tensor], object]:
        """Insert values that are made already, in this peer's favour."""
        self._tables = [self._empty(dim)]
        made: dict[int, tf.Tensor] = {}

        def call(ids: tf.Tensor) -> object:
            size = int(ids.shape[0])
            if size not in made:
                made[size] = tf.constant(workload.gradients(size, dim))
            return self._tables[0].insert(ids, made[size])

        return call

    def _lookup(self, ids: Sequence[tf.Tensor]) -> tf.Tensor:
        found = [made.lookup(keys) for made, keys in zip(self._tables, ids, strict=True)]
        return found[0] if len(found) == 1 else tf.stack(found)

    def _empty(self, dim: int) -> Any:  # noqa: ANN401 - a class of a package without types
        default = tf.zeros([dim])
        if self._dense:
            return tf.lookup.experimental.DenseHashTable(
                tf.int64, tf.float32, default, empty_key=int(NEVER[0]), deleted_key=int(NEVER[1])
            )
        return tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, default)
