"""One training step as a compiled function per task: score, then learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tandem_training.examples import Samples
from tandem_training.features import INT_PADDING, Feature, IdFeature
from tandem_training.models.protocol import Model
from tandem_training.optimizers import DenseOptimizer
from tandem_training.state import ModelState

Tensors = Mapping[str, tf.Tensor]


@dataclass(frozen=True, slots=True)
class _Read:
    """Rows of one table as a step sees them: of all its features' ids, one after the other."""

    rows: tf.Tensor
    handles: tf.Tensor | None


class Steps:
    """Compiled steps over a model's state.

    A task's step reads all tables, scores the batch with the moving statistics (as a server would answer before it
    learns), then takes one gradient step on the dense weights of that task's way through the model and on the rows
    that were read. Frozen tables are only read: an id without a row reads as zeros, exactly as in serving.

    The dense gradient is of the mean loss, the rows' of its sum: a row is in few samples of a batch, and what it
    learns from one must not depend on how many others there are.

    Args:
      model: forward pass and features.
      state: tables and variables.
      optimizer: of the dense weights; tables have their own.
      frozen: tables that must not change.
    """

    def __init__(self, model: Model, state: ModelState, optimizer: DenseOptimizer, frozen: Iterable[str]) -> None:
        self._model = model
        self._state = state
        self._optimizer = optimizer
        self._frozen = frozenset(frozen)
        self._inputs = {feature.name: _input_spec(feature) for feature in model.features}
        self._train = {task: self._train_function(task) for task in model.tasks}
        self._score = tf.function(self._score_all, input_signature=[self._inputs], autograph=False)

    def train(self, task: str, samples: Samples) -> npt.NDArray[np.float32]:
        """Take one step.

        Args:
          task: whose labels these are.
          samples: at least one.

        Returns:
          float32 (n,), the predictions before the step.
        """
        # Rows are stamped in seconds: what expires after hours needs no milliseconds, and 32 bits hold it.
        latest = int(samples.event_times.max()) // 1000
        scores = self._train[task](dict(samples.inputs), samples.labels, np.int64(latest))
        self._state.step += 1
        return np.asarray(scores.numpy(), np.float32)

    def score(self, samples: Samples) -> dict[str, npt.NDArray[np.float32]]:
        """Return every task's probabilities, float32 (n,), from the live weights; changes nothing."""
        return {task: scores.numpy() for task, scores in self._score(dict(samples.inputs)).items()}

    def _score_all(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        reads = {
            table: _Read(self._state.tables[table].peek(_ids(features, inputs)), None)
            for table, features in self._by_table().items()
        }
        features = self._embed(inputs, reads)
        forward = self._model.forward(self._tensors(), features, self._model.tasks, training=False)
        return {task: tf.sigmoid(logits) for task, logits in forward.logits.items()}

    def _train_function(self, task: str) -> Callable[..., tf.Tensor]:
        def train(inputs: Tensors, labels: tf.Tensor, latest: tf.Tensor) -> tf.Tensor:
            reads = {
                table: self._read(table, _ids(features, inputs), latest) for table, features in self._by_table().items()
            }
            weights = self._tensors()
            scores = self._model.forward(weights, self._embed(inputs, reads), (task,), training=False).logits[task]
            trainable = {name: weights[name] for name in self._state.slots}
            learning = {table: read.rows for table, read in reads.items() if read.handles is not None}
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([trainable, learning])
                forward = self._model.forward(weights, self._embed(inputs, reads), (task,), training=True)
                loss = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels, forward.logits[task]))
            gradients, row_gradients = tape.gradient(loss, (trainable, learning))
            self._learn_dense(weights, gradients, 1 / tf.cast(tf.size(labels), tf.float32))
            for name, value in forward.moving.items():
                self._state.weights[name].assign(value)
            for table, gradient in row_gradients.items():
                if gradient is not None:
                    self._state.tables[table].apply(reads[table].handles, gradient)
            return tf.sigmoid(scores)

        signature = [self._inputs, tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int64)]
        compiled: Callable[..., tf.Tensor] = tf.function(train, input_signature=signature, autograph=False)
        return compiled

    def _read(self, table: str, ids: tf.Tensor, latest: tf.Tensor) -> _Read:
        variable = self._state.tables[table]
        if table in self._frozen:
            return _Read(variable.peek(ids), None)
        return _Read(*variable.lookup(ids, event_time=latest))

    def _learn_dense(self, weights: Tensors, gradients: Mapping[str, tf.Tensor | None], scale: tf.Tensor) -> None:
        for name, gradient in gradients.items():
            if gradient is None:
                continue  # another task's tower
            slots = self._state.slots[name]
            value, new_slots = self._optimizer.update(
                weights[name], gradient * scale, {s: v.read_value() for s, v in slots.items()}
            )
            self._state.weights[name].assign(value)
            for slot, slot_value in new_slots.items():
                slots[slot].assign(slot_value)

    def _tensors(self) -> dict[str, tf.Tensor]:
        return {name: variable.read_value() for name, variable in self._state.weights.items()}

    def _by_table(self) -> dict[str, list[IdFeature]]:
        tables: dict[str, list[IdFeature]] = {}
        for feature in self._model.features:
            if isinstance(feature, IdFeature):
                tables.setdefault(feature.table, []).append(feature)
        return tables

    def _embed(self, inputs: Tensors, reads: Mapping[str, _Read]) -> dict[str, tf.Tensor]:
        """Return what the dense part sees: by feature, float32 (n, width)."""
        embedded = {f.name: inputs[f.name] for f in self._model.features if not isinstance(f, IdFeature)}
        for table, features in self._by_table().items():
            masks = [_present(feature, inputs[feature.name]) for feature in features]
            parts = tf.split(reads[table].rows, [_count(mask) for mask in masks])
            for feature, mask, rows in zip(features, masks, parts, strict=True):
                embedded[feature.name] = _pool(feature, mask, rows)
        return embedded


def _input_spec(feature: Feature) -> tf.TensorSpec:
    dtype = {"int64": tf.int64, "string": tf.string}[feature.dtype] if isinstance(feature, IdFeature) else tf.float32
    return tf.TensorSpec([None, feature.length], dtype)


def _ids(features: Sequence[IdFeature], inputs: Tensors) -> tf.Tensor:
    """Return the ids of a table's features as one vector; padding of pooled features is not among them."""
    return tf.concat([tf.boolean_mask(inputs[f.name], _present(f, inputs[f.name])) for f in features], axis=0)


def _present(feature: IdFeature, ids: tf.Tensor) -> tf.Tensor:
    if feature.pooling == "none":
        return tf.ones_like(ids, tf.bool)
    padding = tf.constant("" if feature.dtype == "string" else INT_PADDING, ids.dtype)
    return tf.not_equal(ids, padding)


def _count(mask: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(mask, tf.int32))


def _pool(feature: IdFeature, mask: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Bring (ids, dim) rows to (n, width)."""
    if feature.pooling == "none":
        return tf.reshape(rows, [-1, feature.width])
    samples = tf.shape(mask)[0]
    owner = tf.cast(tf.where(mask)[:, 0], tf.int32)
    pooled = tf.math.unsorted_segment_sum(rows, owner, samples)
    if feature.pooling == "mean":
        count = tf.reduce_sum(tf.cast(mask, tf.float32), axis=1, keepdims=True)
        pooled /= tf.maximum(count, 1.0)
    return tf.ensure_shape(pooled, [None, feature.dim])
