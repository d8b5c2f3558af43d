"""What peers have in common that keep keys and values: TensorFlow's hash tables and TFRA's."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.side import CannotDo, chunks
from bench.ops.workload import Ids, Insert, Rows, Table


class PeerTable(ABC):
    """Tables that are filled with values which are made already."""

    def open(self, table: Table) -> None:
        """Put all rows."""
        self._tables = [self._empty(table.dim) for _ in range(table.tables)]
        for made in self._tables:
            for places in chunks(table.rows):
                self._put(made, tf.constant(workload.keys(places)), tf.constant(workload.values(places, table.dim)))

    def ids(self, places: Ids) -> Ids:
        """Return keys."""
        return workload.keys(places)

    def rows(self, places: Ids) -> Rows:
        """Read rows."""
        found: Rows = self._tables[0].lookup(tf.constant(workload.keys(places))).numpy()
        return found

    def insert(self, dim: int, what: Insert, batch: int) -> Callable[[tf.Tensor], object]:
        """Put values that are made already, and no slots, in this peer's favour."""
        if what == "rows_and_step":
            raise CannotDo("this table has no optimizer")
        self._tables = [self._empty(dim)]
        made = tf.constant(workload.gradients(batch, dim))
        return lambda ids: self._put(self._tables[0], ids, made[: ids.shape[0]])

    def _lookup(self, ids: Sequence[tf.Tensor], _: tf.Tensor) -> tf.Tensor:
        found = [made.lookup(keys) for made, keys in zip(self._tables, ids, strict=True)]
        return found[0] if len(found) == 1 else tf.stack(found)

    @abstractmethod
    def _empty(self, dim: int) -> Any:  # noqa: ANN401 - a class of a package without types
        """Make a table without rows."""

    @abstractmethod
    def _put(self, table: Any, keys: tf.Tensor, values: tf.Tensor) -> object:  # noqa: ANN401 - as above
        """Write values under keys."""
