"""Multi-valued features: the rows of a sample's ids become one."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tandem_ops import arguments
from tandem_ops.arguments import Named

_COMBINERS = ("sum", "mean", "sqrtn")


class Segments(NamedTuple):
    """The entries of a sparse or ragged tensor of rank 2.

    Args:
      values: [n].
      samples: int64 [n], which sample an entry belongs to.
      count: int64 scalar, how many samples there are.
      static: how many, as far as the shape tells.
    """

    values: tf.Tensor
    samples: tf.Tensor
    count: tf.Tensor
    static: int | None


def combine_rows(
    table: Named,
    read: Callable[[tf.Tensor], tf.Tensor],
    ids: tf.SparseTensor | tf.RaggedTensor,
    weights: tf.SparseTensor | tf.RaggedTensor | None,
    combiner: str,
) -> tf.Tensor:
    """Read the rows of all ids and combine those of each sample; see ``embedding_lookup_sparse``.

    Args:
      table: for messages.
      read: from ids [n] to rows, float32 [n, dim].
      ids: of rank 2.
      weights: as ids, or None.
      combiner: sum, mean or sqrtn.

    Returns:
      float32 [samples, dim].

    Raises:
      tf.errors.InvalidArgumentError: an argument does not fit.
    """
    if combiner not in _COMBINERS:
        raise arguments.refuse(table, "combiner", f"must be one of {', '.join(_COMBINERS)}, not {combiner!r}")
    segments = _segments(table, "ids", ids)
    if weights is None:
        return _combine(read(segments.values), None, segments, combiner)
    if type(weights) is not type(ids):
        raise arguments.refuse(table, "weights", f"must be of the kind of ids, {type(ids)}, not {type(weights)}")
    weighing = _segments(table, "weights", weights)
    values = arguments.tensor(table, "weights", weighing.values, tf.float32)
    with tf.control_dependencies(_require_same_places(table, segments.samples, weighing.samples)):
        return _combine(read(segments.values), tf.identity(values), segments, combiner)


def _combine(rows: tf.Tensor, weights: tf.Tensor | None, segments: Segments, combiner: str) -> tf.Tensor:
    if weights is not None:
        rows *= weights[:, tf.newaxis]
    combined = _sum(rows, segments)
    if combiner != "sum":
        norm = _norm(tf.ones_like(segments.samples, tf.float32) if weights is None else weights, segments, combiner)
        combined = tf.math.divide_no_nan(combined, norm[:, tf.newaxis])
    return tf.ensure_shape(combined, [segments.static, rows.shape[-1]])


def _norm(weights: tf.Tensor, segments: Segments, combiner: str) -> tf.Tensor:
    if combiner == "mean":
        return _sum(weights, segments)
    squares = _sum(weights * weights, segments)
    # Where all weights are 0 the sum is 0 whatever it is divided by, but the root of 0 has no gradient.
    return tf.sqrt(tf.where(squares > 0, squares, 1.0))


def _sum(values: tf.Tensor, segments: Segments) -> tf.Tensor:
    return tf.math.unsorted_segment_sum(values, segments.samples, segments.count)


def _segments(table: Named, argument: str, value: tf.SparseTensor | tf.RaggedTensor) -> Segments:
    if not isinstance(value, tf.SparseTensor | tf.RaggedTensor):
        raise arguments.refuse(table, argument, f"must be a tf.SparseTensor or tf.RaggedTensor, not {type(value)}")
    if value.shape.rank not in (None, 2):
        raise arguments.refuse(table, argument, f"must be of rank 2, its shape is {value.shape}")
    if isinstance(value, tf.SparseTensor):
        return Segments(value.values, value.indices[:, 0], value.dense_shape[0], value.shape[0])
    if value.ragged_rank != 1:
        raise arguments.refuse(table, argument, f"must have ragged_rank 1, not {value.ragged_rank}")
    return Segments(value.values, tf.cast(value.value_rowids(), tf.int64), value.nrows(tf.int64), value.shape[0])


def _require_same_places(table: Named, ids: tf.Tensor, weights: tf.Tensor) -> list[tf.Operation]:
    why = "must have as many entries for each sample as ids"
    if not ids.shape.is_compatible_with(weights.shape):
        raise arguments.refuse(table, "weights", why)
    message = f'HashVariable "{table.name}": weights {why}'
    many = tf.debugging.assert_equal(tf.size(ids), tf.size(weights), message)
    with tf.control_dependencies([] if many is None else [many]):
        same = tf.debugging.assert_equal(ids, weights, message)
    return [] if same is None else [same]
