"""Which stream trains next (README.md, M4): pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_IN_A_ROW = 8


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one stream has to offer.

    Attributes:
      samples: how many wait.
      seconds: how long the first of them has waited.
      trained_until: greatest event time trained so far, ms; None before the first.
    """

    samples: int
    seconds: float
    trained_until: int | None


@dataclass(frozen=True, slots=True)
class Turns:
    """Who trained last, and how often in a row."""

    last: int = -1
    in_a_row: int = 0

    def after(self, chosen: int) -> Turns:
        """Return the turns after one more step of ``chosen``."""
        return Turns(chosen, self.in_a_row + 1 if chosen == self.last else 1)


def choose(waiting: Sequence[Waiting], turns: Turns, batch: int, patience: float) -> int | None:
    """Choose the stream of the next step.

    A stream is ready with a full batch, or with anything at all once its first sample has waited for ``patience``. Of
    the ready ones the stream goes whose trained event time is furthest behind, so that the tasks see the same stretch
    of time although their rates differ; after ``MAX_IN_A_ROW`` steps another ready one goes first, so that a stream
    with wrong event times can't starve the others.

    Args:
      waiting: one per stream.
      turns: the steps before.
      batch: samples in a full batch.
      patience: seconds after which a part of a batch trains.

    Returns:
      The index of the stream, or None when none is ready.

    Example:
      >>> choose([Waiting(10, 0.1, 5), Waiting(256, 0.0, 9)], Turns(), batch=256, patience=1.0)
      1
    """
    ready = [i for i, w in enumerate(waiting) if w.samples >= batch or (w.samples > 0 and w.seconds >= patience)]
    if turns.in_a_row >= MAX_IN_A_ROW and len(ready) > 1:
        ready = [i for i in ready if i != turns.last]
    if not ready:
        return None
    return min(ready, key=lambda i: (_behind(waiting[i]), i == turns.last, i))


def _behind(stream: Waiting) -> int:
    return -(2**63) if stream.trained_until is None else stream.trained_until
