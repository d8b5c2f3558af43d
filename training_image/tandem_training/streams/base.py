"""The protocol of sample sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from tandem_wire.positions import KafkaPosition, Position, SegmentPosition

Cursor = SegmentPosition | tuple[int, int]
"""Where a reader stands right after a record: a segment position, or Kafka's (partition, next offset)."""


class RawSample(NamedTuple):
    """One record of a stream, not parsed.

    Attributes:
      cursor: where the stream stands after it.
      data: the bytes; None when there is nothing to train and only the position moves.
      fault: why there is no data, empty when that is as it should be.
    """

    cursor: Cursor
    data: bytes | None
    fault: str = ""


class Reader(Protocol):
    """An open stream; used by one thread at a time, may block for at most the given time."""

    def read(self, limit: int, timeout: float) -> Sequence[RawSample]:
        """Return up to ``limit`` records (a segment may come whole) in the stream's order, none when nothing is there.

        Raises:
          UserError: the stream can't be read until someone changes something (no such topic, expired offsets).
          WorldError: the source is away; open a new reader later.
        """
        ...

    @property
    def at_end(self) -> bool:
        """True when the last read saw the end of what there is."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Source(Protocol):
    """A configured stream that readers can be opened on."""

    def start(self) -> Position:
        """Return the position before anything is known; it says only what stream this is."""
        ...

    def open(self, position: Position) -> Reader:
        """Open a reader at exactly this position."""
        ...


P = TypeVar("P", bound=Position)


def advance(position: Position, cursors: Sequence[Cursor]) -> Position:
    """Return the position after the records with these cursors, taken in order.

    Example:
      >>> advance(KafkaPosition("clicks", {0: 5}), [(0, 6), (1, 40), (0, 7)])
      KafkaPosition(topic='clicks', offsets={0: 7, 1: 40})
    """
    if not cursors:
        return position
    if isinstance(position, KafkaPosition):
        offsets = dict(position.offsets)
        for cursor in cursors:
            if isinstance(cursor, SegmentPosition):
                raise TypeError(f"a Kafka stream got the cursor of a segment: {cursor}")
            offsets[cursor[0]] = cursor[1]
        return KafkaPosition(position.topic, offsets)
    last = cursors[-1]
    if not isinstance(last, SegmentPosition):
        raise TypeError(f"a stream of segments got the cursor of a topic: {last}")
    return last
