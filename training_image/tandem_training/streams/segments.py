"""Samples from segments: TFRecord objects of ``tf.train.Example`` below a prefix, in the order of their names."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import structlog
import tensorflow as tf
from tandem_wire.errors import NotFound
from tandem_wire.positions import Position, SegmentPosition
from tandem_wire.store import Store

from tandem_training.errors import UserError, WorldError
from tandem_training.streams.base import RawSample

_LOG = structlog.get_logger(__name__)
_SCRATCH = itertools.count()
_BLOCK = 1024

TORN = "TornSegment"


class SegmentSource:
    """A prefix into which a producer puts whole segments, each with a name greater than those before it.

    Names whose last part begins with ``_`` or ``.`` are not segments.

    Args:
      name: of the stream, for messages.
      store: whose root is the prefix.
      start_at: where a stream without a position begins: ``Earliest`` segment, or after the ``Latest``.
    """

    def __init__(self, name: str, store: Store, start_at: Literal["Earliest", "Latest"] = "Earliest") -> None:
        self._name = name
        self._store = store
        self._start_at = start_at

    def start(self) -> Position:
        """Return the position before the first segment."""
        return SegmentPosition(after="", current="", record=0)

    def open(self, position: Position) -> SegmentReader:
        """Open a reader; a stream that begins at ``Latest`` moves to the newest segment's end first.

        Raises:
          UserError: the position is of another kind of stream.
        """
        if not isinstance(position, SegmentPosition):
            raise UserError(
                "StreamChanged",
                f'Stream "{self._name}" reads segments, but the checkpoint has a position of Kafka. Give the changed '
                "stream a new name, or restore its kafka section.",
            )
        return SegmentReader(
            self._name, self._store, position, skip=self._start_at == "Latest" and position == self.start()
        )


class SegmentReader:
    """Reads one segment at a time, whole.

    A segment's objects are immutable, so a position within one stays valid. A torn segment (wrong length or checksum
    inside) gives the records before the tear, then one empty record with the fault ``TornSegment``, and reading goes
    on with the next.
    """

    def __init__(self, name: str, store: Store, position: SegmentPosition, *, skip: bool) -> None:
        self._name = name
        self._store = store
        self._position = position
        self._skip = skip
        self._names: Iterator[str] = iter(())
        self._pending: Iterator[RawSample] = iter(())
        self.at_end = False

    def read(self, limit: int, timeout: float) -> Sequence[RawSample]:
        """Return up to ``limit`` records; an empty answer only after having waited for ``timeout``."""
        samples = list(itertools.islice(self._pending, limit))
        if samples:
            return samples
        if self._skip:
            return self._skipped()
        name = self._next_name()
        if name is None:
            self.at_end = True
            threading.Event().wait(timeout)
            return []
        self.at_end = False
        self._pending = self._records(name)
        return list(itertools.islice(self._pending, limit))

    def close(self) -> None:
        """Nothing stays open between reads."""

    def _skipped(self) -> list[RawSample]:
        self._skip = False
        last = max(self._list(""), default="")
        if not last:
            return []
        self._position = SegmentPosition(after=last, current="", record=0)
        return [RawSample(self._position, None)]

    def _next_name(self) -> str | None:
        if self._position.current:
            return self._position.current
        name = next(self._names, None)
        if name is None:
            self._names = self._list(self._position.after)
            name = next(self._names, None)
        return name

    def _list(self, after: str) -> Iterator[str]:
        for entry in self._store.list("", after=after):
            if not entry.key.rsplit("/", 1)[-1].startswith(("_", ".")):
                yield entry.key

    def _records(self, name: str) -> Iterator[RawSample]:
        skip = self._position.record if self._position.current == name else 0
        before = self._position.after
        end = SegmentPosition(after=name, current="", record=0)
        held: RawSample | None = None
        read = 0
        fault = ""
        for data in tfrecords(self._fetch(name), self._torn(name)):
            if data is None:
                fault = TORN
                break
            read += 1
            if read <= skip:
                continue
            if held is not None:
                yield held
            held = RawSample(SegmentPosition(after=before, current=name, record=read), data)
        # The last record's position is the segment's end, so that nobody has to open a segment to find nothing in it.
        self._position = end
        if fault or held is None:
            if held is not None:
                yield held
            yield RawSample(end, None, fault)
        else:
            yield held._replace(cursor=end)

    def _fetch(self, name: str) -> bytes:
        try:
            return self._store.get(name).data
        except NotFound as error:
            if self._position.current != name:
                raise WorldError("SegmentGone", f'stream "{self._name}": {name} was listed but is gone') from error
            raise UserError(
                "SamplesExpired",
                f'Stream "{self._name}" stands within {name}, which is gone: samples were deleted before they were '
                "trained. Bring the segment back, or accept the loss by starting from another base.",
            ) from error

    def _torn(self, name: str) -> Callable[[str], None]:
        def warn(detail: str) -> None:
            _LOG.warning("segment torn", stream=self._name, segment=name, detail=detail)

        return warn


def tfrecords(data: bytes, torn: Callable[[str], None]) -> Iterator[bytes | None]:
    """Yield the records of a TFRecord file held in memory; None in place of the first that can't be read.

    TensorFlow's own reader does the checksums; its in-memory file system carries the bytes to it.
    """
    path = f"ram://segments/{next(_SCRATCH)}"
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(data)
    read = 0
    try:
        for block in tf.data.TFRecordDataset(path).batch(_BLOCK).as_numpy_iterator():
            read += len(block)
            yield from block
    except tf.errors.DataLossError:
        # A tear takes its whole block with it; what comes before the tear is read again one by one.
        yield from _up_to_tear(path, read, torn)
    finally:
        tf.io.gfile.remove(path)


def _up_to_tear(path: str, skip: int, torn: Callable[[str], None]) -> Iterator[bytes | None]:
    try:
        yield from tf.data.TFRecordDataset(path).skip(skip).as_numpy_iterator()
    except tf.errors.DataLossError as error:
        torn(str(error).partition("\n")[0])
        yield None
