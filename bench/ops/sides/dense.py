"""A dense tf.Variable: no hashing, no growth, rows by position. The ceiling in TensorFlow."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.side import Call, CannotDo, chunks
from bench.ops.workload import Ids, Insert, Rows, Table, Work

BETA1, BETA2, EPSILON, RATE = 0.9, 0.999, 1e-8, 1e-3
ACCUMULATOR, ADAGRAD_EPSILON = 0.1, 1e-7


class Dense:
    """``tf.gather``, and one optimizer step on the distinct rows of a batch: unique, sum, gather, step, scatter."""

    def open(self, table: Table) -> None:
        """Make variables of all rows."""
        self._table = table
        shape = [table.rows, table.dim]
        self._x = [tf.Variable(tf.zeros(shape)) for _ in range(table.tables)]
        for variable in self._x:
            self._fill(variable)
        accumulator = ACCUMULATOR if table.optimizer == "adagrad" else 0.0
        slots = {"adam": 2, "adagrad": 1}[table.optimizer]
        self._slots = [tf.Variable(tf.fill(shape, accumulator)) for _ in range(slots)]
        self._steps = tf.Variable(0.0)

    def ids(self, places: Ids) -> Ids:
        """Return the places."""
        return _somewhere(places, self._table.rows)

    def call(self, work: Work) -> Call:
        """Return a function of one batch."""
        if work.step == "lookup":
            return self._lookup
        gradient = tf.constant(workload.gradients(work.batch, self._table.dim))
        return lambda ids, _: self._train(ids[0], gradient)

    def rows(self, places: Ids) -> Rows:
        """Read rows."""
        found: Rows = tf.gather(self._x[0], places).numpy()
        return found

    def insert(self, dim: int, what: Insert, batch: int) -> Callable[[tf.Tensor], object]:
        """Refuse: a variable does not grow."""
        raise CannotDo(f"a tf.Variable of dim {dim} has no {what} to insert, {batch} or one")

    def _lookup(self, ids: Sequence[tf.Tensor], _: tf.Tensor) -> tf.Tensor:
        found = [tf.gather(variable, at) for variable, at in zip(self._x, ids, strict=True)]
        return found[0] if len(found) == 1 else tf.stack(found)

    def _train(self, ids: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        x = self._x[0]
        distinct, where = tf.unique(ids)
        old = tf.gather(x, distinct)
        rows = tf.gather(old, where)
        summed = tf.math.unsorted_segment_sum(gradient + 0.0 * rows, where, tf.size(distinct))
        if self._table.optimizer == "adagrad":
            tf.raw_ops.ResourceSparseApplyAdagradV2(
                var=x.handle,
                accum=self._slots[0].handle,
                lr=RATE,
                epsilon=ADAGRAD_EPSILON,
                grad=summed,
                indices=distinct,
            )
            return rows[0, 0]
        m, v = self._slots
        count = self._steps.assign_add(1.0)
        first = BETA1 * tf.gather(m, distinct) + (1 - BETA1) * summed
        second = BETA2 * tf.gather(v, distinct) + (1 - BETA2) * tf.square(summed)
        rate = RATE / (1 - tf.pow(BETA1, count))
        step = rate * first / (tf.sqrt(second / (1 - tf.pow(BETA2, count))) + EPSILON)
        for variable, value in ((m, first), (v, second), (x, old - step)):
            variable.scatter_update(tf.IndexedSlices(value, distinct))
        return rows[0, 0]

    def _fill(self, variable: tf.Variable) -> None:
        for places in chunks(self._table.rows):
            variable.scatter_update(tf.IndexedSlices(workload.values(places, self._table.dim), places))


class Keras:
    """``keras.layers.Embedding``, lookups only: what a model has before it is made elastic."""

    def open(self, table: Table) -> None:
        """Make a layer of all rows."""
        self._table = table
        self._layer = tf.keras.layers.Embedding(table.rows, table.dim)
        self._layer.build()
        self._layer.set_weights([np.concatenate([workload.values(at, table.dim) for at in chunks(table.rows)])])

    def ids(self, places: Ids) -> Ids:
        """Return the places."""
        return _somewhere(places, self._table.rows)

    def call(self, work: Work) -> Call:
        """Return a function of one batch."""
        if work.step != "lookup":
            raise CannotDo("Keras trains a whole embedding at once; lazy Adam on a variable is in its place")
        return lambda ids, _: self._layer(ids[0])

    def rows(self, places: Ids) -> Rows:
        """Read rows."""
        found: Rows = self._layer(tf.constant(places)).numpy()
        return found

    def insert(self, dim: int, what: Insert, batch: int) -> Callable[[tf.Tensor], object]:
        """Refuse: a layer does not grow."""
        raise CannotDo(f"keras.layers.Embedding of dim {dim} has no {what} to insert, {batch} or one")


def _somewhere(places: Ids, rows: int) -> Ids:
    """Turn places that are no row's into rows all over the variable."""
    return np.where(places < rows, places, workload.keys(places) % rows)
