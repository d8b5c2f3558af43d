"""Rows that a tape connects to their table, in place of ``tf.nn.embedding_lookup`` and its sparse form.

:meth:`HashVariable.lookup <tandem_ops.HashVariable.lookup>` ends the gradient at the rows and hands out handles. Here
the handles travel with the gradient instead: differentiate with respect to ``table.weight`` and get tf.IndexedSlices
whose indices are handles, the form that an embedding's gradient has everywhere in TensorFlow. Differentiating changes
nothing; the step is ``table.apply_gradient``, so that a gradient may be looked at, clipped, thrown away or taken by a
persistent tape twice.
"""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from tandem_ops.arguments import TensorLike
from tandem_ops.hash_variable import HashVariable
from tandem_ops.segments import combine_rows

Combiner = Literal["sum", "mean", "sqrtn"]


def embedding_lookup(table: HashVariable, ids: TensorLike, *, training: bool, event_time: TensorLike = 0) -> tf.Tensor:
    """Read rows; in training make those that are missing and connect all of them to ``table.weight``.

    Args:
      table: where the rows are.
      ids: int64 or string, of any shape.
      training: True looks up, False only peeks and has no gradient.
      event_time: int64 scalar, the event time of the samples; only in training.

    Returns:
      float32 [..., dim].

    Raises:
      tf.errors.InvalidArgumentError: ids have another dtype, or event_time is no scalar.

    Example:
      >>> import tandem_ops as ops
      >>> table = ops.HashVariable("word", dim=2, initializer=ops.Zeros(), optimizer=ops.SGD(0.5))
      >>> with tf.GradientTape() as tape:
      ...     loss = tf.reduce_sum(ops.embedding_lookup(table, ["a", "b", "a"], training=True))
      >>> table.apply_gradient(tape.gradient(loss, table.weight))
      >>> ops.embedding_lookup(table, ["a", "b"], training=False).numpy()
      array([[-1. , -1. ],
             [-0.5, -0.5]], dtype=float32)
    """
    if not training:
        return table.peek(ids)
    rows, handles = table.lookup(ids, event_time=event_time)
    connected: tf.Tensor = _connect(table.weight.read_value(), rows, handles)
    return connected


def embedding_lookup_sparse(  # noqa: PLR0913 (as TensorFlow's, and what training needs)
    table: HashVariable,
    ids: tf.SparseTensor | tf.RaggedTensor,
    weights: tf.SparseTensor | tf.RaggedTensor | None = None,
    *,
    training: bool,
    combiner: Combiner = "mean",
    event_time: TensorLike = 0,
) -> tf.Tensor:
    r"""Combine the rows of each sample's ids, as ``tf.nn.embedding_lookup_sparse`` does on a dense variable.

    .. math::
       y_s = \frac{\sum_i w_{si}\, x_{si}}{n_s}, \qquad
       n_s = 1 \text{ (sum)},\ \sum_i w_{si} \text{ (mean)},\ \textstyle\sqrt{\sum_i w_{si}^2} \text{ (sqrtn)}

    A sample without ids, or whose :math:`n_s` is 0, reads zeros. Gradients reach ``table.weight`` and ``weights``.

    Args:
      table: where the rows are.
      ids: of rank 2, int64 or string; tf.SparseTensor in any order of its entries, or tf.RaggedTensor.
      weights: of the same kind and places as ids, float32; each 1 where None.
      training: True looks up, False only peeks.
      combiner: how the rows of a sample become one.
      event_time: int64 scalar, the event time of the samples; only in training.

    Returns:
      float32 [samples, dim].

    Raises:
      tf.errors.InvalidArgumentError: ids are neither sparse nor ragged, not of rank 2 or of another dtype; weights are
        of another kind, dtype or length than ids, or the combiner is none of the three.

    Example:
      >>> import tandem_ops as ops
      >>> table = ops.HashVariable("tag", dim=1, initializer=ops.Uniform(0.5), optimizer=ops.SGD(0.5))
      >>> tags = tf.ragged.constant([["new", "red"], []])
      >>> ops.embedding_lookup_sparse(table, tags, training=True, combiner="sum").shape
      TensorShape([2, 1])
    """
    return combine_rows(
        table,
        lambda flat: embedding_lookup(table, flat, training=training, event_time=event_time),
        ids,
        weights,
        combiner,
    )


@tf.custom_gradient  # type: ignore[untyped-decorator] # TensorFlow ships no types
def _connect(
    weight: tf.Tensor, rows: tf.Tensor, handles: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.IndexedSlices, None, None]]]:
    def gradient(upstream: tf.Tensor) -> tuple[tf.IndexedSlices, None, None]:
        values = tf.reshape(tf.convert_to_tensor(upstream), [-1, weight.shape[-1]])
        return tf.IndexedSlices(values, tf.reshape(handles, [-1])), None, None

    return tf.identity(rows), gradient
