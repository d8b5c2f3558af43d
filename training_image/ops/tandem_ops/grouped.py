"""Many tables in one op call.

A call of an op costs microseconds, a small batch's work on one table not many more: a model of dozens of tables calls
once for all of them. The kernels share the tables among TensorFlow's worker threads.
"""

from collections.abc import Iterator, Sequence

import tensorflow as tf

from tandem_ops import arguments
from tandem_ops.arguments import TableLike, TensorLike
from tandem_ops.native import kernels


def grouped_lookup(
    tables: Sequence[TableLike], ids: Sequence[TensorLike], *, event_time: TensorLike = 0
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Find the rows of ids in many tables for training, and make those that are missing.

    As :meth:`HashVariable.lookup <tandem_ops.HashVariable.lookup>` on each table with its ids. A table may stand at
    several positions; they are worked off in their order.

    Args:
      tables: of any dims; on one device or, with one op call per device, on several.
      ids: int64 or string, of any shape, for each table.
      event_time: int64 scalar, for all of them.

    Returns:
      rows, float32 [..., dim], and handles, int64 [...], for each table.

    Raises:
      tf.errors.InvalidArgumentError: tables and ids are not equally many, ids have another dtype, or event_time is no
        scalar; which table and which argument stands in the message.

    Example:
      >>> import tandem_ops as ops
      >>> user, item = (
      ...     ops.HashVariable(name, dim=dim, initializer=ops.Zeros(), optimizer=ops.SGD(0.5))
      ...     for name, dim in [("user", 2), ("item", 3)]
      ... )
      >>> rows, handles = ops.grouped_lookup([user, item], [[7, 8], ["lamp"]])
      >>> [r.shape.as_list() for r in rows]
      [[2, 2], [1, 3]]
      >>> ops.grouped_apply([user, item], handles, [tf.ones_like(r) for r in rows])
      >>> [r.numpy().tolist() for r in ops.grouped_peek([user, item], [[8], ["lamp"]])]
      [[[-0.5, -0.5]], [[-0.5, -0.5, -0.5]]]
    """
    _require_as_many("grouped_lookup", tables, ids=ids)
    if not tables:
        return [], []
    keys = [arguments.ids(table, value) for table, value in zip(tables, ids, strict=True)]
    when = arguments.tensor(tables[0], "event_time", event_time, tf.int64, shape=())
    rows: list[tf.Tensor] = [None] * len(tables)
    handles: list[tf.Tensor] = [None] * len(tables)
    for at in _by_device(tables):
        found = kernels.tandem_lookup(
            [tables[i].resource_handle for i in at], [keys[i] for i in at], when, dims=[tables[i].dim for i in at]
        )
        for i, row, handle in zip(at, *found, strict=True):
            rows[i], handles[i] = row, handle
    return rows, handles


def grouped_peek(tables: Sequence[TableLike], ids: Sequence[TensorLike]) -> list[tf.Tensor]:
    """Read the rows of ids in many tables for inference: makes, stamps and marks nothing.

    Args:
      tables: of any dims; on one device or, with one op call per device, on several.
      ids: int64 or string, of any shape, for each table.

    Returns:
      float32 [..., dim] for each table; the default row for an id without a row.

    Raises:
      tf.errors.InvalidArgumentError: tables and ids are not equally many, or ids have another dtype.
    """
    _require_as_many("grouped_peek", tables, ids=ids)
    keys = [arguments.ids(table, value) for table, value in zip(tables, ids, strict=True)]
    rows: list[tf.Tensor] = [None] * len(tables)
    for at in _by_device(tables):
        found = kernels.tandem_peek(
            [tables[i].resource_handle for i in at], [keys[i] for i in at], dims=[tables[i].dim for i in at]
        )
        for i, row in zip(at, found, strict=True):
            rows[i] = row
    return rows


def grouped_apply(
    tables: Sequence[TableLike],
    handles: Sequence[TensorLike],
    grads: Sequence[TensorLike],
    *,
    learning_rate: TensorLike = None,
) -> None:
    """Take one optimizer step on the rows of many tables.

    As :meth:`HashVariable.apply <tandem_ops.HashVariable.apply>` on each table. Shapes are checked before any table
    changes. A table that refuses its handles or gradients is as it was; the others have taken their step.

    Args:
      tables: as they were looked up.
      handles: int64 [...], for each table.
      grads: float32 [..., dim], for each table.
      learning_rate: float32 scalar, for all of them; each table's own where None.

    Raises:
      tf.errors.InvalidArgumentError: arguments are not equally many, shapes differ, a gradient is not finite, or a
        handle is stale or of another table.
    """
    _require_as_many("grouped_apply", tables, handles=handles, grads=grads)
    at_rows = [arguments.tensor(t, "handles", value, tf.int64) for t, value in zip(tables, handles, strict=True)]
    values = [arguments.tensor(t, "grads", value, tf.float32) for t, value in zip(tables, grads, strict=True)]
    told = []
    if learning_rate is not None and tables:
        told = [arguments.tensor(tables[0], "learning_rate", learning_rate, tf.float32, shape=())]
    for at in _by_device(tables):
        kernels.tandem_apply(
            [tables[i].resource_handle for i in at],
            [at_rows[i] for i in at],
            [values[i] for i in at],
            told,
            learning_rates=[tables[i].optimizer.learning_rate for i in at],
        )


def _by_device(tables: Sequence[TableLike]) -> Iterator[Sequence[int]]:
    """Positions that one op call can serve: the kernel runs where its tables are."""
    positions: dict[str, list[int]] = {}
    for i, table in enumerate(tables):
        positions.setdefault(table.device, []).append(i)
    yield from positions.values()


def _require_as_many(call: str, tables: Sequence[TableLike], **values: Sequence[TensorLike]) -> None:
    for argument, given in values.items():
        if len(given) != len(tables):
            raise tf.errors.InvalidArgumentError(
                None, None, f"{call}: {argument} must be as many as tables, {len(tables)}, not {len(given)}"
            )
