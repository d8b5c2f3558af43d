"""TensorFlow's own hash tables with vectors as values; they have no optimizers."""

from typing import Any

import numpy as np
import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.peer_table import PeerTable
from bench.ops.sides.side import Call, CannotDo
from bench.ops.workload import KNOWN_PLACES, Work

NEVER = workload.keys(np.array([2 * KNOWN_PLACES, 2 * KNOWN_PLACES + 1]))
"""Keys that DenseHashTable needs for itself."""


class LookupTable(PeerTable):
    """``DenseHashTable`` or ``MutableHashTable``.

    Args:
      dense: which.
    """

    def __init__(self, *, dense: bool) -> None:
        self._dense = dense

    def call(self, work: Work) -> Call:
        """Return a function of one batch."""
        if work.step != "lookup":
            raise CannotDo("TensorFlow's hash tables have no optimizer")
        return self._lookup

    def _empty(self, dim: int) -> Any:  # noqa: ANN401 - a class of a package without types
        default = tf.zeros([dim])
        if self._dense:
            return tf.lookup.experimental.DenseHashTable(
                tf.int64, tf.float32, default, empty_key=int(NEVER[0]), deleted_key=int(NEVER[1])
            )
        return tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, default)

    def _put(self, table: Any, keys: tf.Tensor, values: tf.Tensor) -> object:  # noqa: ANN401 - as above
        return table.insert(keys, values)
