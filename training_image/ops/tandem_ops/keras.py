"""Elastic embeddings in Keras models: one line, ``ElasticEmbedding(dim)`` in place of ``Embedding(n, dim)``."""

import importlib
import inspect
from dataclasses import fields, is_dataclass
from typing import Any, Final

import keras  # type: ignore[import-untyped]
import numpy as np
import tensorflow as tf

from tandem_ops.admission import Admission, Every
from tandem_ops.arguments import TensorLike, refuse
from tandem_ops.description import AtLimit
from tandem_ops.embedding import Combiner, embedding_lookup, embedding_lookup_sparse
from tandem_ops.errors import BadConfiguration, LibraryUnusable
from tandem_ops.hash_variable import HashVariable
from tandem_ops.initializers import Initializer, Uniform
from tandem_ops.optimizers import Adam, Optimizer
from tandem_ops.snapshots import Snapshot

_COLUMNS: Final = ("keys", "rows", "slots", "steps", "seen")

if keras.backend.backend() != "tensorflow":
    raise LibraryUnusable(
        f"tandem_ops.keras needs Keras on TensorFlow, here it runs on {keras.backend.backend()}: set "
        "KERAS_BACKEND=tensorflow before Keras is imported"
    )


@keras.saving.register_keras_serializable(package="tandem_ops")
class ElasticEmbedding(keras.layers.Layer):  # type: ignore[misc] # Keras ships no types
    """An embedding whose rows appear when an id is first trained on: any int64 or string, no vocabulary, no size.

    Stands where ``keras.layers.Embedding(n, dim)`` stood; ``compile``, ``fit``, ``save``, ``export`` and hand-written
    loops stay as they are. The dense part of the model learns by the model's optimizer, rows by the layer's own, with
    the same gradient of the same loss.

    The gradient of the layer's one weight is tf.IndexedSlices of row handles, and the model's optimizer, when it
    applies its gradients, hands it to the table for one fused step per distinct row. So a step happens where every
    other weight's does: not in the backward pass, and not twice when a tape is asked twice. Only calls with
    ``training=True`` make rows; any other call peeks, reads zeros for an unknown id, and has no gradient.

    Not for rows: the model optimizer's learning rate, clipping and weight decay (its clipping sees the other gradients
    only). Refused: an optimizer that accumulates gradients or scales the loss, and mixed_float16, which would.

    Args:
      dim: values per row.
      initializer: how rows begin.
      optimizer: how rows learn.
      combiner: how the rows of a sample become one, for sparse and ragged inputs; None keeps an axis of ids.
      mask_zero: whether id 0 is padding, for layers that take masks.
      seed: of the initializer and the admission rule.
      admission: which ids get a row.
      max_bytes: bound of the table's memory; 0 for none.
      at_limit: whether at that bound new ids get no row (refuse) or the least recently seen rows leave (evict).

    Raises:
      BadConfiguration: an argument is out of its range, or the layer would compute in float16.

    Example:
      >>> import keras, numpy as np, tandem_ops.keras
      >>> model = keras.Sequential(
      ...     [
      ...         keras.Input([2], dtype="int64"),
      ...         tandem_ops.keras.ElasticEmbedding(8),
      ...         keras.layers.Flatten(),
      ...         keras.layers.Dense(1),
      ...     ]
      ... )
      >>> model.compile("adam", "mse")
      >>> history = model.fit(np.array([[7, 2**62], [8, 7]]), np.array([0.0, 1.0]), verbose=0)
      >>> model.layers[0].table.keys().numpy().tolist()
      [7, 8, 4611686018427387904]
    """

    def __init__(  # noqa: PLR0913 (what a table and a layer need)
        self,
        dim: int,
        *,
        initializer: Initializer | None = None,
        optimizer: Optimizer | None = None,
        combiner: Combiner | None = None,
        mask_zero: bool = False,
        seed: int = 0,
        admission: Admission = Every(),  # noqa: B008 (a value)
        max_bytes: int = 0,
        at_limit: AtLimit = "refuse",
        **layer: Any,  # noqa: ANN401 (name, dtype and the rest of a Keras layer)
    ) -> None:
        super().__init__(**layer)
        if "float16" in (self.compute_dtype, keras.config.dtype_policy().compute_dtype):
            raise BadConfiguration(
                f"ElasticEmbedding {self.name!r}: float16 needs a scaled loss, whose gradients must not reach rows; "
                "use mixed_bfloat16 or float32"
            )
        self.combiner = combiner
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False
        self.supports_jit = False
        self.table = HashVariable(
            self.name,
            dim=dim,
            initializer=initializer or Uniform(0.05),
            optimizer=optimizer or Adam(0.001),
            seed=seed,
            admission=admission,
            max_bytes=max_bytes,
            at_limit=at_limit,
        )
        self.embeddings = _Rows(self.table)
        self.built = True

    def call(self, inputs: TensorLike, event_time: TensorLike = None, *, training: bool | None = None) -> tf.Tensor:
        """Read the rows of ids.

        Args:
          inputs: ids, integers or strings, of any shape; tf.SparseTensor or tf.RaggedTensor of rank 2 with a combiner.
          event_time: int64 of any shape; the greatest counts for all rows. Only in training.
          training: whether to make missing rows and connect rows to the gradient; Keras tells it in ``fit``. A frozen
            layer only peeks.

        Returns:
          The layer's compute dtype, inputs' shape with dim behind it; [samples, dim] with a combiner.

        Raises:
          tf.errors.InvalidArgumentError: inputs are neither integers nor strings, or not of the form that the
            combiner asks for.
        """
        when = 0 if event_time is None else tf.reduce_max(tf.cast(event_time, tf.int64))
        learns = bool(training) and self.trainable
        if self.combiner is not None:
            rows = embedding_lookup_sparse(
                self.table,
                _with_ids(self.table, inputs),
                training=learns,
                combiner=self.combiner,
                event_time=when,
            )
        elif isinstance(inputs, tf.SparseTensor | tf.RaggedTensor):
            raise refuse(self.table, "inputs", "are sparse or ragged, which needs a combiner: sum, mean or sqrtn")
        else:
            rows = embedding_lookup(self.table, _int64(self.table, inputs), training=learns, event_time=when)
        return tf.cast(rows, self.compute_dtype)

    def compute_mask(self, inputs: TensorLike, _mask: TensorLike = None) -> TensorLike:
        """Return where inputs are not 0, or None without ``mask_zero``."""
        return keras.ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return inputs' shape with dim behind it, or [samples, dim] with a combiner."""
        return (*(input_shape if self.combiner is None else input_shape[:1]), self.table.dim)

    def compute_output_spec(self, inputs: TensorLike, *_: object, **__: object) -> TensorLike:
        """Return the symbolic output; nothing is looked up."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` makes an empty layer of the same description from."""
        return {
            **super().get_config(),
            "dim": self.table.dim,
            "initializer": _as_config(self.table.initializer),
            "optimizer": _as_config(self.table.optimizer),
            "combiner": self.combiner,
            "mask_zero": self.mask_zero,
            "seed": self.table.seed,
            "admission": _as_config(self.table.options.admission),
            "max_bytes": self.table.options.max_bytes,
            "at_limit": self.table.options.at_limit,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ElasticEmbedding":
        """Make an empty layer; the inverse of ``get_config``."""
        parts = {name: _from_config(config[name]) for name in ("initializer", "optimizer", "admission")}
        return cls(**{**config, **parts})

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Write the table into a Keras file: one consistent cut."""
        cut = self.table.snapshot()
        for name in _COLUMNS:
            store[name] = getattr(cut, name)

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Replace the table by what a Keras file has."""
        self.table.restore(Snapshot(*(np.asarray(store[name]) for name in _COLUMNS)))


class _Rows(keras.Variable):  # type: ignore[misc] # Keras ships no types
    """A layer's weight as Keras sees it: nothing to read, and a gradient that goes to the table."""

    def __init__(self, table: HashVariable) -> None:
        self._table = table
        super().__init__(lambda *_, **__: table.weight, shape=(0, table.dim), dtype="float32", name="embeddings")

    @property
    def overwrite_with_gradient(self) -> bool:
        """True: Keras assigns to such a weight its gradient, in place of a formula of the optimizer.

        It does so without the optimizer's accumulation and without dividing by the scale of the loss: rows would step
        by half a batch, or by thousands of times too much. Who asks is that optimizer, so it is looked at here.

        Raises:
          BadConfiguration: the optimizer that asks accumulates gradients or scales the loss.
        """
        frame = inspect.currentframe()
        asking = frame.f_back.f_locals.get("self") if frame and frame.f_back else None
        scales = isinstance(asking, keras.optimizers.LossScaleOptimizer) or getattr(asking, "loss_scale_factor", None)
        if scales or getattr(asking, "gradient_accumulation_steps", None):
            bends = "scale the gradients" if scales else "not accumulate the gradients"
            raise BadConfiguration(
                f"ElasticEmbedding {self._table.name!r}: {type(asking).__name__} would {bends} of its rows; give the "
                "model an optimizer without gradient_accumulation_steps and loss scale"
            )
        return True

    def _initialize_with_initializer(self, _initializer: object) -> None:
        self._initialize(self._table.weight)

    def assign(self, value: TensorLike) -> TensorLike:
        """Take the optimizer step of a gradient."""
        if isinstance(value, tf.IndexedSlices):
            self._table.apply_gradient(value)
            return value
        return super().assign(value)


def _int64(table: HashVariable, ids: TensorLike) -> tf.Tensor:
    tensor = tf.convert_to_tensor(ids)
    if tensor.dtype in (tf.string, tf.int64):
        return tensor
    if tensor.dtype.is_integer and tensor.dtype != tf.uint64:
        return tf.cast(tensor, tf.int64)
    raise refuse(
        table, "inputs", f"must be integers or strings, not {tensor.dtype.name}; give keras.Input a dtype of int64"
    )


def _with_ids(table: HashVariable, inputs: TensorLike) -> TensorLike:
    if isinstance(inputs, tf.RaggedTensor):
        return inputs.with_flat_values(_int64(table, inputs.flat_values))
    if isinstance(inputs, tf.SparseTensor):
        return tf.SparseTensor(inputs.indices, _int64(table, inputs.values), inputs.dense_shape)
    return tf.RaggedTensor.from_tensor(_int64(table, inputs))


def _as_config(part: object) -> dict[str, Any]:
    """Write an initializer or optimizer as JSON can have it."""
    values = {f.name: getattr(part, f.name) for f in fields(part) if f.init}  # type: ignore[arg-type]
    written = {name: _as_config(value) if is_dataclass(value) else value for name, value in values.items()}
    return {"class": type(part).__name__, **written}


def _from_config(config: dict[str, Any]) -> Any:  # noqa: ANN401 (an initializer or an optimizer)
    kinds = importlib.import_module("tandem_ops")
    values = {name: _from_config(value) if isinstance(value, dict) else value for name, value in config.items()}
    return getattr(kinds, values.pop("class"))(**values)
