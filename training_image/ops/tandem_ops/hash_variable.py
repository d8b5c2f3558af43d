"""The elastic embedding table."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tandem_ops import arguments
from tandem_ops.arguments import TensorLike
from tandem_ops.errors import BadConfiguration, NotEager
from tandem_ops.initializers import Initializer
from tandem_ops.native import kernels
from tandem_ops.optimizers import Optimizer
from tandem_ops.snapshots import Delta, Snapshot

NO_HANDLE = -1
"""The handle of an id that got no row; ``apply`` passes over it."""

MAX_DIM = 65536


class HashVariable:
    """An embedding table whose rows appear when an id is first looked up: no vocabulary, no reserved size.

    Training is two steps, so that an id is hashed once: ``lookup`` returns rows and handles, ``apply`` takes the
    handles and the gradients of the rows. All methods may be called from several threads; each call is one atomic
    step on the table. ``lookup``, ``peek``, ``apply``, ``size``, ``keys`` and ``remove`` work eagerly and inside a
    tf.function, where TensorFlow keeps their order per table. A table lives as long as this object or a function
    that uses it.

    Args:
      name: for messages.
      dim: values per row, 1 … 65536.
      initializer: how rows begin.
      optimizer: how rows learn; with its slots it decides the table's layout.
      seed: of the initializer; any int64.

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

    def __init__(self, name: str, *, dim: int, initializer: Initializer, optimizer: Optimizer, seed: int = 0) -> None:
        if not name:
            raise BadConfiguration("HashVariable.name must not be empty: messages name the table by it")
        if not 1 <= dim <= MAX_DIM:
            raise BadConfiguration(f'HashVariable "{name}": dim must be in 1 … {MAX_DIM}, not {dim}')
        if not -(2**63) <= seed < 2**63:
            raise BadConfiguration(f'HashVariable "{name}": seed must fit into int64, not {seed}')
        self.name = name
        self.dim = dim
        self.initializer = initializer
        self.optimizer = optimizer
        self.seed = seed
        with tf.init_scope():
            self._table = kernels.tandem_hash_variable(
                optimizer_parameters=tf.constant(optimizer.parameters, tf.float64),
                table_name=name,
                dim=dim,
                seed=seed,
                initializer=initializer.kind,
                scale=initializer.parameter,
                optimizer=optimizer.kind,
            )

    def __repr__(self) -> str:
        how = f"initializer={self.initializer}, optimizer={self.optimizer}, seed={self.seed}"
        return f"HashVariable({self.name!r}, dim={self.dim}, {how})"

    def lookup(self, ids: TensorLike, *, event_time: TensorLike = 0) -> tuple[tf.Tensor, tf.Tensor]:
        """Find the rows of ids for training, and make those that are missing.

        Args:
          ids: int64 or string, of any shape; strings are keyed by :func:`fingerprint`.
          event_time: int64 scalar, the event time of the samples in the caller's unit; a row keeps the greatest it
            was told.

        Returns:
          rows, float32 [..., dim], and handles, int64 [...]: generation in the upper 32 bits, row in the lower. A
          handle is good until its id is removed or the table restored, and in this process only.

        Raises:
          tf.errors.InvalidArgumentError: ids have another dtype, or event_time is no scalar.
        """
        keys = arguments.ids(self, ids)
        when = arguments.tensor(self, "event_time", event_time, tf.int64, shape=())
        rows, handles = kernels.tandem_lookup(self._table, keys, when, dim=self.dim)
        return rows, handles

    def peek(self, ids: TensorLike) -> tf.Tensor:
        """Read the rows of ids for inference: makes, stamps and marks nothing.

        Args:
          ids: int64 or string, of any shape.

        Returns:
          float32 [..., dim]; zeros, the default row, for an id without a row.

        Raises:
          tf.errors.InvalidArgumentError: ids have another dtype.
        """
        return kernels.tandem_peek(self._table, arguments.ids(self, ids), dim=self.dim)

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
        rate = self.optimizer.learning_rate if learning_rate is None else learning_rate
        at = arguments.tensor(self, "handles", handles, tf.int64)
        values = arguments.tensor(self, "grads", grads, tf.float32)
        kernels.tandem_apply(
            self._table, at, values, arguments.tensor(self, "learning_rate", rate, tf.float32, shape=())
        )

    def size(self) -> tf.Tensor:
        """Count the rows; int64 scalar."""
        return kernels.tandem_size(self._table)

    def keys(self) -> tf.Tensor:
        """List the keys that have a row; int64 [n], sorted."""
        return kernels.tandem_keys(self._table)

    def remove(self, ids: TensorLike) -> tf.Tensor:
        """Remove the rows of ids; each that had one leaves a tombstone for the next delta.

        Args:
          ids: int64 or string, of any shape; ids without a row are passed over.

        Returns:
          int64 scalar: how many rows there were.
        """
        return kernels.tandem_remove(self._table, arguments.ids(self, ids))

    def snapshot(self) -> Snapshot:
        """Copy all rows in one consistent cut, sorted by key.

        Raises:
          NotEager: called inside a tf.function.
        """
        self._require_eager("snapshot")
        return Snapshot(*(column.numpy() for column in kernels.tandem_snapshot(self._table)))

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
        kernels.tandem_restore(self._table, *arguments.columns(self, snapshot))

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
            self._table, *columns, arguments.tensor(self, "removed", gone, tf.int64), mark_dirty=mark_dirty
        )

    def begin_delta(self) -> Delta:
        """Cut what changed since the last acknowledged delta; training may go on at once.

        Until ``ack`` the same rows are in the next delta too, with their newest values, so that a delta which never
        became durable loses nothing.

        Raises:
          NotEager: called inside a tf.function.
        """
        self._require_eager("begin_delta")
        epoch, *columns = kernels.tandem_begin_delta(self._table)
        return Delta(int(epoch.numpy()), *(column.numpy() for column in columns))

    def ack(self, epoch: int) -> None:
        """Say that a delta is durable: later deltas leave out what it had and has not changed since.

        Args:
          epoch: of the delta. Acknowledging twice, or an older one than the newest acknowledged, changes nothing.

        Raises:
          tf.errors.InvalidArgumentError: no such delta was begun.
          NotEager: called inside a tf.function.
        """
        self._require_eager("ack")
        kernels.tandem_ack(self._table, arguments.tensor(self, "epoch", epoch, tf.int64, shape=()))

    def _require_eager(self, method: str) -> None:
        if not tf.executing_eagerly():
            raise NotEager(f'HashVariable "{self.name}": {method} works on NumPy arrays; call it outside tf.function')
