"""TensorFlow Recommenders Addons, in its own environment with the TensorFlow that it was built for."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.dense import ACCUMULATOR, ADAGRAD_EPSILON, BETA1, BETA2, EPSILON, RATE
from bench.ops.sides.side import Call, chunks
from bench.ops.workload import Ids, Rows, Table, Work


class Tfra:
    """``dynamic_embedding.Variable`` on its Cuckoo table, trained as its documentation says."""

    def __init__(self) -> None:
        # By name: our own environment, which checks the types, does not have it.
        self._de: Any = importlib.import_module("tensorflow_recommenders_addons.dynamic_embedding")
        self._made = 0

    def open(self, table: Table) -> None:
        """Upsert all rows."""
        self._table = table
        self._tables = [self._empty(table.dim) for _ in range(table.tables)]
        for made in self._tables:
            for places in chunks(table.rows):
                made.upsert(tf.constant(workload.keys(places)), tf.constant(workload.values(places, table.dim)))
        legacy = tf.keras.optimizers.legacy
        base = (
            legacy.Adagrad(RATE, initial_accumulator_value=ACCUMULATOR, epsilon=ADAGRAD_EPSILON)
            if table.optimizer == "adagrad"
            else legacy.Adam(RATE, beta_1=BETA1, beta_2=BETA2, epsilon=EPSILON)
        )
        self._optimizer = self._de.DynamicEmbeddingOptimizer(base)

    def ids(self, places: Ids) -> Ids:
        """Return keys."""
        return workload.keys(places)

    def call(self, work: Work) -> Call:
        """Return a function of one batch."""
        if work.step == "lookup":
            return self._lookup
        gradient = tf.constant(workload.gradients(work.batch, self._table.dim))
        return lambda ids: self._train(ids[0], gradient)

    def rows(self, places: Ids) -> Rows:
        """Read rows."""
        found: Rows = self._tables[0].lookup(tf.constant(workload.keys(places))).numpy()
        return found

    def insert(self, dim: int) -> Callable[[tf.Tensor], object]:
        """Upsert values that are made already, and no slots, in this peer's favour."""
        self._tables = [self._empty(dim)]
        made: dict[int, tf.Tensor] = {}

        def call(ids: tf.Tensor) -> object:
            size = int(ids.shape[0])
            if size not in made:
                made[size] = tf.constant(workload.gradients(size, dim))
            return self._tables[0].upsert(ids, made[size])

        return call

    def _lookup(self, ids: Sequence[tf.Tensor]) -> tf.Tensor:
        found = [made.lookup(keys) for made, keys in zip(self._tables, ids, strict=True)]
        return found[0] if len(found) == 1 else tf.stack(found)

    def _train(self, ids: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        # embedding_lookup_unique would do this, but cannot be differentiated inside a tf.function.
        distinct, where = tf.unique(ids)
        with tf.GradientTape() as tape:
            rows = tf.gather(self._de.embedding_lookup(self._tables[0], distinct, name="embedding"), where)
        learning = list(self._tables[0].trainable_store.values())
        grads = tape.gradient(rows, learning, output_gradients=gradient + 0.0 * rows)
        self._optimizer.apply_gradients(zip(grads, learning, strict=True))
        return rows[0, 0]

    def _empty(self, dim: int) -> Any:  # noqa: ANN401 - a class of a package without types
        self._made += 1
        return self._de.get_variable(
            f"table_{self._made}", key_dtype=tf.int64, value_dtype=tf.float32, dim=dim, initializer=0.0, trainable=True
        )
