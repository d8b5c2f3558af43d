"""Snapshots and deltas as streams of blocks: bounded memory out, everything verified before it goes in.

A stream is one consistent cut of a table: blocks of rows, each a safetensors file with its SHA-256, and an index that
is written last. SNAPSHOT.md has the format. Where the bytes go is the caller's business: any ``put(name, data)`` on the
way out, any ``read(name)`` on the way in.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tandem_ops.block_index import INDEX, BlockEntry, StreamIndex, block_name, parse_index
from tandem_ops.errors import BadConfiguration, BlocksRefused, LoadInterrupted, NotEager, StreamUnfinished
from tandem_ops.native import kernels

Read = Callable[[str], bytes]
"""Returns the bytes of a name, the same at each call."""

BLOCK_BYTES: Final = 4 << 20
"""How large blocks are where the caller does not say how many rows they have."""

_NOBODY: Final = -1
_COUNTERS: Final = 16
_FLOAT: Final = 4


class Slots(Protocol):
    """What blocks tell of an optimizer."""

    @property
    def layout(self) -> str:
        """What the slots mean."""

    @property
    def slots(self) -> int:
        """How many slots a row has, each as wide as the row."""


class Cuttable(Protocol):
    """What blocks need of a table."""

    name: str
    dim: int

    @property
    def optimizer(self) -> Slots:
        """How rows learn."""

    @property
    def counts_ids(self) -> bool:
        """Whether the admission rule has a state."""

    @property
    def resource_handle(self) -> tf.Tensor:
        """The table's resource."""


class Block(NamedTuple):
    """One piece of a stream.

    Args:
      name: for the file or object.
      data: its bytes, read-only; they live as long as this.
      sha256: of the bytes, 64 hexadecimal digits.
    """

    name: str
    data: memoryview
    sha256: str


class BlockStream:
    """The blocks of one cut, in order; made by ``HashVariable.snapshot_blocks`` and ``delta_blocks``.

    The cut is taken when the stream is made; training goes on while it is read. One block is made at a time. A table
    has one cut at a time: read a stream to its end or close it (or use it in a ``with``) before you begin another.

    Args:
      table: what is cut.
      full: all rows, or those that changed since the consumer's last acknowledged cut.
      consumer: who acknowledges the cut; for a full one it may be None: nobody.
      max_rows: per block; a number that gives blocks of about 4 MiB where None.

    Raises:
      BadConfiguration: ``max_rows`` is below 1.
      NotEager: called inside a tf.function.
      tf.errors.InvalidArgumentError: another cut of the table is being read, or the consumer is none.
    """

    def __init__(self, table: Cuttable, *, full: bool, consumer: int | None, max_rows: int | None) -> None:
        _require_eager(table, "snapshot_blocks" if full else "delta_blocks")
        row_bytes = _COUNTERS + _FLOAT * table.dim * (1 + table.optimizer.slots)
        self._max_rows = max(1, BLOCK_BYTES // row_bytes) if max_rows is None else max_rows
        if self._max_rows < 1:
            raise BadConfiguration(f'HashVariable "{table.name}": max_rows must be at least 1, not {max_rows}')
        self._table, self._full = table, full
        self._stream = secrets.token_hex(16)
        self._head = tf.constant([table.name, table.optimizer.layout, self._stream])
        self._entries: list[BlockEntry] = []
        self._ended = False
        who = _NOBODY if consumer is None else consumer
        cut, epoch = kernels.tandem_begin_cut(table.resource_handle, full=full, consumer=who)
        self._cut: tf.Tensor | None = cut
        self.epoch = int(epoch)

    def __iter__(self) -> Iterator[Block]:
        return self

    def __next__(self) -> Block:
        if self._cut is None:
            raise StopIteration
        number = len(self._entries)
        data, told = kernels.tandem_next_block(self._cut, self._head, number, self._max_rows)
        counts = told.numpy().tolist()
        if not any(counts):
            self._ended = True
            self.close()
            raise StopIteration
        view = memoryview(data).toreadonly()
        block = Block(block_name(self._stream, number), view, hashlib.sha256(view).hexdigest())
        self._entries.append(BlockEntry(block.name, view.nbytes, block.sha256, *counts))
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the cut; the rest of the blocks is lost. Closing twice, or at the end, does no harm."""
        if self._cut is not None:
            kernels.tandem_close_cut(self._cut)
            self._cut = None

    def index(self) -> StreamIndex:
        """Return the index, once all blocks have been taken; its bytes are to be written last.

        Raises:
          StreamUnfinished: blocks are left, or were when the stream was closed.
        """
        if not self._ended:
            raise StreamUnfinished(
                f'HashVariable "{self._table.name}": the stream has more blocks than the {len(self._entries)} that '
                f"were taken; an index says that a stream is whole, so take them all first"
            )
        return StreamIndex(
            kind="snapshot" if self._full else "delta",
            table=self._table.name,
            dim=self._table.dim,
            width=self._table.dim * self._table.optimizer.slots,
            layout=self._table.optimizer.layout,
            stream=self._stream,
            epoch=self.epoch,
            blocks=tuple(self._entries),
        )


def load_blocks(table: Cuttable, read: Read, *, saved_as: str | None = None, mark_dirty: bool = False) -> StreamIndex:
    """Load a stream: a snapshot replaces the contents, a delta goes on top of them.

    Everything is read twice. First every digest, every block and the keys of all blocks are verified; nothing is
    touched. Then the blocks are read again, held against their digests, and loaded one by one: lookups meanwhile see
    a part, so nobody should train. Memory: one block, 8 bytes per row for the keys, and a filter's state.

    Args:
      table: with the same dim and slots.
      read: gives the bytes of ``index.json`` and of each block, by name.
      saved_as: the name of the table that was cut, where it is not this one's.
      mark_dirty: whether the next delta shall carry what a delta changes here.

    Returns:
      The index of what was loaded.

    Raises:
      BlocksRefused: the stream is torn, damaged or another table's; the table is as it was.
      LoadInterrupted: a verified block could not be read again; the table holds a part.
      BadConfiguration: a snapshot with ``mark_dirty``.
      NotEager: called inside a tf.function.
    """
    _require_eager(table, "load_blocks")
    index = parse_index(bytes(read(INDEX)))
    name = table.name if saved_as is None else saved_as
    _require_same_table(table, index, name)
    if mark_dirty and index.kind == "snapshot":
        raise BadConfiguration(f'HashVariable "{table.name}": mark_dirty is for deltas; what a snapshot has is durable')
    head = tf.constant([name, table.optimizer.layout, index.stream])
    admission = _verify(table, index, read, head)
    try:
        if index.kind == "snapshot":
            _empty(table)
        for number, entry in enumerate(index.blocks):
            block = _block(table, entry, read)
            kernels.tandem_load_block(table.resource_handle, block, head, number, mark_dirty=mark_dirty)
        if index.kind == "snapshot" and table.counts_ids:
            kernels.tandem_load_admission(table.resource_handle, admission)
    except Exception as error:
        raise LoadInterrupted(
            f'HashVariable "{table.name}": stream {index.stream} was verified but could not be loaded to its end: '
            f"{error}. The table holds a part of it; load it again."
        ) from error
    return index


def _verify(table: Cuttable, index: StreamIndex, read: Read, head: tf.Tensor) -> tf.Tensor:
    """Read every block once; return the state of the admission filter, int64 [a].

    Raises:
      BlocksRefused: a block, or all of them together, are not what the index says or the table may take.
    """
    keys: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    admission: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    for number, entry in enumerate(index.blocks):
        block = _block(table, entry, read)
        why, *columns = kernels.tandem_check_block(table.resource_handle, block, head, number)
        _accept(table, entry.name, why)
        written, removed, words = (np.asarray(column) for column in columns)
        for what, found, told in (
            ("rows", written, entry.rows),
            ("removed keys", removed, entry.removed),
            ("words of admission", words, entry.admission),
        ):
            if len(found) != told:
                raise _refused(table, entry.name, f"has {len(found)} {what}, the index says {told}")
        keys += [written, removed]
        admission.append(words)
    ordered = np.sort(np.concatenate(keys))
    if len(twice := ordered[1:][ordered[1:] == ordered[:-1]]):
        raise _refused(table, f"stream {index.stream}", f"key {twice[0]} stands twice")
    state = tf.constant(np.concatenate(admission))
    if index.kind == "snapshot" and table.counts_ids:
        _accept(table, f"stream {index.stream}", kernels.tandem_check_admission(table.resource_handle, state))
    return state


def _accept(table: Cuttable, what: str, why: tf.Tensor) -> None:
    if text := why.numpy().decode(errors="replace"):
        raise _refused(table, what, text)


def _block(table: Cuttable, entry: BlockEntry, read: Read) -> tf.Tensor:
    data = read(entry.name)
    size = memoryview(data).nbytes
    if size != entry.size:
        raise _refused(table, entry.name, f"has {size} bytes, the index says {entry.size}: it is torn or another's")
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry.sha256:
        raise _refused(table, entry.name, f"its digest is {digest[:8]}…, the index says {entry.sha256[:8]}…")
    return tf.convert_to_tensor(np.frombuffer(data, np.uint8))


def _require_same_table(table: Cuttable, index: StreamIndex, name: str) -> None:
    width = table.dim * table.optimizer.slots
    facts: dict[str, tuple[Any, Any]] = {
        "table": (index.table, name),
        "dim": (index.dim, table.dim),
        "layout": (index.layout, table.optimizer.layout),
        "width": (index.width, width),
    }
    for field, (theirs, ours) in facts.items():
        if theirs != ours:
            remedy = "; say saved_as to load another table's rows" if field == "table" else ""
            raise _refused(table, INDEX, f"{field} is {theirs!r}, not {ours!r}: it is another table's{remedy}")


def _empty(table: Cuttable) -> None:
    ints, dim = np.empty(0, np.int64), table.dim
    rows, slots = np.empty((0, dim), np.float32), np.empty((0, dim * table.optimizer.slots), np.float32)
    kernels.tandem_restore(table.resource_handle, ints, rows, slots, ints, ints)


def _refused(table: Cuttable, what: str, why: str) -> BlocksRefused:
    return BlocksRefused(f'HashVariable "{table.name}": {what}: {why}')


def _require_eager(table: Cuttable, method: str) -> None:
    if not tf.executing_eagerly():
        raise NotEager(f'HashVariable "{table.name}": {method} hands out bytes; call it outside tf.function')
