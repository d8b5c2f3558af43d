"""The event-time watermark: how far the trained state can be trusted to be complete. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamTime:
    """Where one stream stands.

    Attributes:
      trained_until: greatest trained event time in ms; None before the first sample.
      out_of_order: declared bound on disorder in ms.
      idle: nothing came for so long that the stream no longer holds the watermark back.
    """

    trained_until: int | None
    out_of_order: int
    idle: bool


def watermark(streams: Iterable[StreamTime], before: int | None) -> int | None:
    """Return the watermark in ms since the epoch.

    The minimum over streams that are not idle of (greatest trained event time minus declared out-of-orderness). A
    stream that has trained nothing yet and is not idle leaves it unknown. When all are idle nothing is known beyond
    ``before``.

    Args:
      streams: one per stream.
      before: the watermark so far; it stays while all streams are idle.

    Example:
      >>> watermark([StreamTime(10_000, 2_000, False), StreamTime(9_500, 0, False), StreamTime(100, 0, True)], None)
      8000
    """
    active = [stream for stream in streams if not stream.idle]
    if not active:
        return before
    times = [s.trained_until - s.out_of_order for s in active if s.trained_until is not None]
    return min(times) if len(times) == len(active) else before
