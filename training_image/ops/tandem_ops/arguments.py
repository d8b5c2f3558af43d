"""Tensor arguments, made and checked with the table's and the argument's name in the message.

TensorFlow's own conversions raise TypeError, ValueError or InvalidArgumentError, depending on eager or graph mode and
on what was given; a caller of a table meets InvalidArgumentError for all of them.
"""

from typing import Any, Protocol

import tensorflow as tf

from tandem_ops.snapshots import Snapshot

TensorLike = Any
"""Whatever TensorFlow makes a tensor of; its own alias ships without types."""


class Named(Protocol):
    """What messages need of a table."""

    name: str


class Learns(Protocol):
    """What a step needs of an optimizer."""

    @property
    def learning_rate(self) -> float:
        """The step's size where no other is told."""


class TableLike(Named, Protocol):
    """What the ops need of a table."""

    dim: int
    device: str

    @property
    def optimizer(self) -> Learns:
        """How rows learn."""

    @property
    def resource_handle(self) -> tf.Tensor:
        """The table's resource."""


def refuse(table: Named, argument: str, why: str) -> tf.errors.InvalidArgumentError:
    """The error that says which argument of which table does not fit, to be raised."""
    return tf.errors.InvalidArgumentError(None, None, f'HashVariable "{table.name}": {argument} {why}')


def ids(table: Named, value: TensorLike) -> tf.Tensor:
    """An int64 or string tensor; Python integers become int64.

    Raises:
      tf.errors.InvalidArgumentError: it is of another dtype.
    """
    tensor = _convert(table, "ids", value, tf.int64)
    if tensor.dtype not in (tf.int64, tf.string):
        raise refuse(table, "ids", f"must be of dtype int64 or string, not {tensor.dtype.name}")
    return tensor


def tensor(
    table: Named, argument: str, value: TensorLike, dtype: tf.DType, *, shape: tuple[int, ...] | None = None
) -> tf.Tensor:
    """A tensor of this dtype, and of this static shape where one is told.

    Raises:
      tf.errors.InvalidArgumentError: it is of another dtype or shape.
    """
    converted = _convert(table, argument, value, dtype)
    if converted.dtype != dtype:
        raise refuse(table, argument, f"must be of dtype {dtype.name}, not {converted.dtype.name}")
    if shape is not None and not converted.shape.is_compatible_with(shape):
        raise refuse(table, argument, f"must be of shape {list(shape)}, not {converted.shape}")
    return converted


def columns(table: Named, snapshot: Snapshot) -> tuple[tf.Tensor, ...]:
    """The columns of a snapshot as the kernels take them; the kernels check their shapes."""
    return (
        tensor(table, "keys", snapshot.keys, tf.int64),
        tensor(table, "rows", snapshot.rows, tf.float32),
        tensor(table, "slots", snapshot.slots, tf.float32),
        tensor(table, "steps", snapshot.steps, tf.int64),
        tensor(table, "seen", snapshot.seen, tf.int64),
    )


def _convert(table: Named, argument: str, value: TensorLike, hint: tf.DType) -> tf.Tensor:
    # Given a hint, TensorFlow casts NumPy arrays in silence, cutting fractions off: what has a dtype keeps it.
    wish = None if hasattr(value, "dtype") else hint
    try:
        return tf.convert_to_tensor(value, dtype_hint=wish)
    except (TypeError, ValueError, OverflowError) as error:
        raise refuse(table, argument, f"cannot become a tensor: {error}") from error
