"""TensorFlow Recommenders Addons, in its own environment with the TensorFlow that it was built for."""

import importlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.dense import ACCUMULATOR, ADAGRAD_EPSILON, BETA1, BETA2, EPSILON, RATE
from bench.ops.sides.peer_table import PeerTable
from bench.ops.sides.side import Call
from bench.ops.workload import Insert, Table, Work


class Tfra(PeerTable):
    """``dynamic_embedding.Variable`` on its Cuckoo table, trained as its documentation says."""

    def __init__(self) -> None:
        # By name: our own environment, which checks the types, does not have it.
        self._de: Any = importlib.import_module("tensorflow_recommenders_addons.dynamic_embedding")
        self._made = 0

    def open(self, table: Table) -> None:
        """Upsert all rows, and make the optimizer."""
        super().open(table)
        self._table = table
        self._optimizer = self._trains_by(table.optimizer)

    def call(self, work: Work) -> Call:
        """Return a function of one batch."""
        if work.step == "lookup":
            return self._lookup
        gradient = tf.constant(workload.gradients(work.batch, self._table.dim))
        return lambda ids, _: self._train(ids[0], gradient)

    def insert(self, dim: int, what: Insert, batch: int) -> Callable[[tf.Tensor], object]:
        """As its base; or what training does with an id that it sees for the first time."""
        if what != "rows_and_step":
            return super().insert(dim, what, batch)
        self._tables = [self._empty(dim)]
        self._optimizer = self._trains_by("adam")
        gradient = tf.constant(workload.gradients(batch, dim))
        step: Callable[[tf.Tensor], object] = tf.function(
            lambda ids: self._train(ids, gradient[: tf.size(ids)]),
            input_signature=[tf.TensorSpec([None], tf.int64)],
            autograph=False,
        )
        return step

    def _trains_by(self, optimizer: str) -> Any:  # noqa: ANN401 - a class of a package without types
        legacy = tf.keras.optimizers.legacy
        base = (
            legacy.Adagrad(RATE, initial_accumulator_value=ACCUMULATOR, epsilon=ADAGRAD_EPSILON)
            if optimizer == "adagrad"
            else legacy.Adam(RATE, beta_1=BETA1, beta_2=BETA2, epsilon=EPSILON)
        )
        return self._de.DynamicEmbeddingOptimizer(base)

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

    def _put(self, table: Any, keys: tf.Tensor, values: tf.Tensor) -> object:  # noqa: ANN401 - as above
        return table.upsert(keys, values)
