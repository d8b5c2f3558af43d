"""The elastic embedding table."""

from dataclasses import fields
from functools import cached_property

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tandem_ops import arguments
from tandem_ops.admission import Admission, Every
from tandem_ops.arguments import TensorLike
from tandem_ops.block_index import StreamIndex
from tandem_ops.blocks import BlockStream, Read, load_blocks
from tandem_ops.description import AtLimit, Options
from tandem_ops.errors import NotEager
from tandem_ops.grouped import grouped_apply, grouped_lookup, grouped_peek
from tandem_ops.initializers import Initializer
from tandem_ops.native import kernels
from tandem_ops.optimizers import Optimizer
from tandem_ops.snapshots import Delta, Snapshot
from tandem_ops.tracking import TrackedTable
from tandem_ops.upkeep import Swept, TableStats

NO_HANDLE = -1
"""The handle of an id that got no row; ``apply`` passes over it."""


class HashVariable(TrackedTable):
    """An embedding table whose rows appear when an id is first looked up: no vocabulary, no reserved size.

    Training is two steps, so that an id is hashed once: ``lookup`` returns rows and handles, ``apply`` takes the
    handles and the gradients of the rows. All methods may be called from several threads; each call is one atomic
    step on the table. ``lookup``, ``peek``, ``apply``, ``size``, ``keys`` and ``remove`` work eagerly and inside a
    tf.function, where TensorFlow keeps their order per table. A table lives as long as this object or a function
    that uses it, on the device of the scope in which it is made, a parameter server's too.

    TensorFlow tracks it where it is an attribute of a module, a layer or a ``tf.train.Checkpoint``: a checkpoint has
    its rows, slots and counters, and a SavedModel of functions that peek serves in any process that has imported
    ``tandem_ops``.

    Args:
      name: for messages.
      dim: values per row, 1 … 65536.
      initializer: how rows begin.
      optimizer: how rows learn; with its slots it decides the table's layout.
      seed: of the initializer and the admission rule; any int64.
      admission: which ids get a row; the others read the default row and have the handle ``NO_HANDLE``.
      default_value: every value of the default row, which ids without a row read.
      max_bytes: bound of what rows, index and filter take; 0 for none.
      at_limit: at that bound, whether new ids get no row (refuse) or the least recently seen rows leave for them
        (evict).

    Raises:
      BadConfiguration: an argument is out of its range.

    Example:
      >>> import tensorflow as tf, tandem_ops as ops
      >>> table = ops.HashVariable("brand", dim=2, initializer=ops.Zeros(), optimizer=ops.SGD(learning_rate=0.5))
      >>> rows, handles = table.lookup(["acme", "zenith", "acme"])
      >>> with tf.GradientTape() as tape:
      ...     tape.watch(rows)
      ...     loss = tf.reduce_sum(rows)
      >>> table.apply(handles, tape.gradient(loss, rows))
      >>> table.peek(["acme", "zenith", "never seen"]).numpy()
      array([[-1. , -1. ],
             [-0.5, -0.5],
             [ 0. ,  0. ]], dtype=float32)
    """

    def __init__(  # noqa: PLR0913 (a table's options, each by its name)
        self,
        name: str,
        *,
        dim: int,
        initializer: Initializer,
        optimizer: Optimizer,
        seed: int = 0,
        admission: Admission = Every(),  # noqa: B008 (a value)
        default_value: float = 0.0,
        max_bytes: int = 0,
        at_limit: AtLimit = "refuse",
    ) -> None:
        super().__init__(
            Options(name, dim, initializer, optimizer, seed, admission, default_value, max_bytes, at_limit)
        )
        self.name = name
        self.dim = dim
        self.initializer = initializer
        self.optimizer = optimizer
        self.seed = seed

    def __repr__(self) -> str:
        options = (f"{field.name}={getattr(self.options, field.name)!r}" for field in fields(self.options))
        return f"HashVariable({', '.join(options)})"

    @property
    def counts_ids(self) -> bool:
        """Whether the admission rule has a state: what ``admission_state`` returns is not empty."""
        return self.options.admission != Every()

    def lookup(self, ids: TensorLike, *, event_time: TensorLike = 0) -> tuple[tf.Tensor, tf.Tensor]:
        """Find the rows of ids for training, and make those that are missing.

        Args:
          ids: int64 or string, of any shape; strings are keyed by :func:`fingerprint`.
          event_time: int64 scalar in 0 … 2³² - 1, the event time of the samples in the caller's unit (seconds, say);
            a row keeps the greatest it was told (of calls at the same moment, either's). 0 where it is not known.

        Returns:
          rows, float32 [..., dim], and handles, int64 [...]: generation in the upper 32 bits, row in the lower. A
          handle is good until its id is removed or the table restored, and in this process only.

        Raises:
          tf.errors.InvalidArgumentError: ids have another dtype, or event_time is no scalar or does not fit.
        """
        (rows,), (handles,) = grouped_lookup([self], [ids], event_time=event_time)
        return rows, handles

    def peek(self, ids: TensorLike) -> tf.Tensor:
        """Read the rows of ids for inference: makes, stamps and marks nothing.

        Args:
          ids: int64 or string, of any shape.

        Returns:
          float32 [..., dim]; the default row for an id without a row.

        Raises:
          tf.errors.InvalidArgumentError: ids have another dtype.
        """
        return grouped_peek([self], [ids])[0]

    def apply(self, handles: TensorLike, grads: TensorLike, *, learning_rate: TensorLike = None) -> None:
        """Take one optimizer step on each row that a handle names, with the sum of its gradients in position order.

        Args:
          handles: int64 [...], of ``lookup``.
          grads: float32 [..., dim], of the rows that came with them.
          learning_rate: float32 scalar; the optimizer's own where None.

        Raises:
          tf.errors.InvalidArgumentError: shapes differ, a gradient is not finite, or a handle is stale or of another
            table; the table is as it was.
        """
        grouped_apply([self], [handles], [grads], learning_rate=learning_rate)

    @cached_property
    def weight(self) -> tf.Variable:
        """What a tape differentiates with respect to: float32 [0, dim], without a value of its own.

        The gradient of rows that :func:`tandem_ops.embedding_lookup` returned arrives here as tf.IndexedSlices, whose
        indices are handles. Pass it on to ``apply_gradient``.
        """
        with tf.init_scope():
            return tf.Variable(tf.zeros([0, self.dim]), name=f"{self.name}_weight")

    def apply_gradient(self, gradient: tf.IndexedSlices, *, learning_rate: TensorLike = None) -> None:
        """Take one optimizer step with the gradient that a tape has for ``weight``.

        Args:
          gradient: indices are handles, int64 [n], values float32 [n, dim]; of one use of the table or the sum of many.
          learning_rate: float32 scalar; the optimizer's own where None.

        Raises:
          tf.errors.InvalidArgumentError: as for ``apply``, or the gradient is not of that form: a dense one has lost
            the handles.
        """
        if not isinstance(gradient, tf.IndexedSlices):
            raise arguments.refuse(
                self, "gradient", f"must be the tf.IndexedSlices that a tape gives for weight, not {type(gradient)}"
            )
        self.apply(gradient.indices, gradient.values, learning_rate=learning_rate)

    def size(self) -> tf.Tensor:
        """Count the rows; int64 scalar."""
        return kernels.tandem_size(self.resource_handle)

    def keys(self) -> tf.Tensor:
        """List the keys that have a row; int64 [n], sorted."""
        return kernels.tandem_keys(self.resource_handle)

    def remove(self, ids: TensorLike) -> tf.Tensor:
        """Remove the rows of ids; each that had one leaves a tombstone for the next delta.

        Args:
          ids: int64 or string, of any shape; ids without a row are passed over.

        Returns:
          int64 scalar: how many rows there were.
        """
        return kernels.tandem_remove(self.resource_handle, arguments.ids(self, ids))

    def snapshot(self) -> Snapshot:
        """Copy all rows in one consistent cut, sorted by key.

        Raises:
          NotEager: called inside a tf.function.
        """
        self._require_eager("snapshot")
        return Snapshot(*(np.asarray(column) for column in kernels.tandem_snapshot(self.resource_handle)))

    def restore(self, snapshot: Snapshot) -> None:
        """Replace the contents by a snapshot; checks everything before it touches the table.

        Handles from before are refused afterwards. What was restored counts as acknowledged: the next delta has only
        what changes from here on.

        Args:
          snapshot: of a table with the same dim and optimizer.

        Raises:
          tf.errors.InvalidArgumentError: a column's dtype or shape does not fit, keys do not ascend, a value is not
            finite or cannot have come from the optimizer; the table is as it was.
          NotEager: called inside a tf.function.
        """
        self._require_eager("restore")
        kernels.tandem_restore(self.resource_handle, *arguments.columns(self, snapshot))

    def load_rows(
        self, snapshot: Snapshot, *, removed: npt.NDArray[np.int64] | None = None, mark_dirty: bool = False
    ) -> None:
        """Write rows over what is there: apply a delta on top of a base.

        Args:
          snapshot: rows to insert or overwrite; ``Delta.changed`` of a delta.
          removed: int64 [r], sorted and unique, none of them among the rows' keys: keys to take out; unknown ones
            are passed over.
          mark_dirty: whether the next delta shall carry the change; False is for state that is durable already.

        Raises:
          tf.errors.InvalidArgumentError: as for ``restore``; the table is as it was.
          NotEager: called inside a tf.function.
        """
        self._require_eager("load_rows")
        gone = np.empty(0, np.int64) if removed is None else removed
        columns = arguments.columns(self, snapshot)
        kernels.tandem_load_rows(
            self.resource_handle, *columns, arguments.tensor(self, "removed", gone, tf.int64), mark_dirty=mark_dirty
        )

    def begin_delta(self, *, consumer: int = 0) -> Delta:
        """Cut what changed since the last acknowledged delta; training may go on at once.

        Until ``ack`` the same rows are in the next delta too, with their newest values, so that a delta which never
        became durable loses nothing.

        Args:
          consumer: who acknowledges; each has deltas of its own.

        Raises:
          tf.errors.InvalidArgumentError: there is no such consumer, or a stream of this table is being read.
          NotEager: called inside a tf.function.
        """
        self._require_eager("begin_delta")
        epoch, *columns = kernels.tandem_begin_delta(self.resource_handle, consumer=consumer)
        return Delta(int(epoch), *(np.asarray(column) for column in columns))

    def snapshot_blocks(self, *, consumer: int | None = None, max_rows: int | None = None) -> BlockStream:
        """Cut all rows and hand them out block by block, in bounded memory, while training goes on.

        With it a ``consumer`` (1 … 15) begins: once it has acknowledged the epoch, its deltas have what changed since.

        Args and errors as :class:`tandem_ops.BlockStream`.
        """
        return BlockStream(self, full=True, consumer=consumer, max_rows=max_rows)

    def delta_blocks(self, *, consumer: int = 0, max_rows: int | None = None) -> BlockStream:
        """Cut what changed since the last acknowledged delta and hand it out block by block; ``ack`` its epoch.

        Args and errors as :class:`tandem_ops.BlockStream`.
        """
        return BlockStream(self, full=False, consumer=consumer, max_rows=max_rows)

    def load_blocks(self, read: Read, *, saved_as: str | None = None, mark_dirty: bool = False) -> StreamIndex:
        """Load a stream of blocks after all of it has been verified; see :func:`tandem_ops.blocks.load_blocks`."""
        return load_blocks(self, read, saved_as=saved_as, mark_dirty=mark_dirty)

    def ack(self, epoch: int, *, consumer: int = 0) -> None:
        """Say that a delta is durable: later deltas leave out what it had and has not changed since.

        Args:
          epoch: of the delta. Acknowledging twice, or an older one than the newest acknowledged, changes nothing.
          consumer: whose delta it was.

        Raises:
          tf.errors.InvalidArgumentError: no such delta was begun.
          NotEager: called inside a tf.function.
        """
        self._require_eager("ack")
        when = arguments.tensor(self, "epoch", epoch, tf.int64, shape=())
        kernels.tandem_ack(self.resource_handle, when, consumer=consumer)

    def leave(self, consumer: int) -> None:
        """Say that a consumer asks for no more deltas, so that removals are not kept in mind for it.

        Raises:
          tf.errors.InvalidArgumentError: there is no such consumer.
        """
        kernels.tandem_leave(self.resource_handle, consumer=consumer)

    def sweep(self, *, seen_before: TensorLike = 0, zero_rows: bool = False, rows: int = 65536) -> Swept:
        """Look at some rows and remove those that may leave; the next call goes on where this one ended.

        Lookups and steps go on beside it. Each removal leaves a tombstone for the next delta.

        Args:
          seen_before: event time; rows whose last training lookup was before it leave, but not those that were never
            told a time. 0: none.
          zero_rows: whether rows leave that have taken a step and are exactly zero.
          rows: places to look at.

        Raises:
          tf.errors.InvalidArgumentError: seen_before or rows is out of its range.
          NotEager: called inside a tf.function.

        Example:
          >>> import tandem_ops as ops
          >>> table = ops.HashVariable("user", dim=2, initializer=ops.Zeros(), optimizer=ops.SGD(0.5))
          >>> _ = table.lookup([1, 2], event_time=100), table.lookup([2, 3], event_time=200)
          >>> table.sweep(seen_before=150).removed, table.keys().numpy().tolist()
          (1, [2, 3])
        """
        self._require_eager("sweep")
        swept = kernels.tandem_sweep(
            self.resource_handle,
            arguments.tensor(self, "seen_before", seen_before, tf.int64, shape=()),
            arguments.tensor(self, "rows", rows, tf.int64, shape=()),
            zero_rows=zero_rows,
        )
        looked, unseen, zero, wrapped = swept.numpy().tolist()
        return Swept(looked, unseen, zero, bool(wrapped))

    def stats(self) -> TableStats:
        """Count rows, bytes, and what did not become a row.

        Raises:
          NotEager: called inside a tf.function.
        """
        self._require_eager("stats")
        return TableStats(*kernels.tandem_stats(self.resource_handle).numpy().tolist())

    def admission_state(self) -> npt.NDArray[np.int64]:
        """Copy what the admission rule has counted; int64 [n], empty for a rule that counts nothing.

        Raises:
          NotEager: called inside a tf.function.
        """
        self._require_eager("admission_state")
        state: npt.NDArray[np.int64] = kernels.tandem_admission_state(self.resource_handle).numpy()
        return state

    def restore_admission(self, state: npt.NDArray[np.int64]) -> None:
        """Replace what the admission rule has counted; checks everything first.

        Args:
          state: int64 [n], of ``admission_state`` of a table with the same rule and sketch.

        Raises:
          tf.errors.InvalidArgumentError: it is not; the rule's counts are as they were.
          NotEager: called inside a tf.function.
        """
        self._require_eager("restore_admission")
        counts = arguments.tensor(self, "admission", state, tf.int64)
        kernels.tandem_load_admission(self.resource_handle, counts)

    def _require_eager(self, method: str) -> None:
        if not tf.executing_eagerly():
            raise NotEager(f'HashVariable "{self.name}": {method} works on NumPy arrays; call it outside tf.function')
