"""Progressive evaluation: each sample is scored before it is trained on; results by event-time window and task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BINS: Final = 4096
# Predictions beyond these logits share the outermost bins: a probability of 4.5e-5 or less.
_LOGIT_RANGE: Final = 10.0
_EPSILON: Final = 1e-7


@dataclass(slots=True)
class Tally:
    """Running sums of one window; its size does not grow with the samples.

    Attributes:
      counts: int64 (2, BINS), samples by label and by bin of the prediction's logit.
      loss: sum of log losses.
      predicted: sum of predictions.
    """

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, BINS), np.int64))
    loss: float = 0.0
    predicted: float = 0.0

    def add(self, labels: Floats, predictions: Floats) -> None:
        """Count samples; both arguments are float32 (n,), labels 0 or 1."""
        p = np.clip(predictions.astype(np.float64), _EPSILON, 1 - _EPSILON)
        logits = np.clip(np.log(p / (1 - p)), -_LOGIT_RANGE, _LOGIT_RANGE)
        bins = np.minimum(((logits + _LOGIT_RANGE) * (BINS / (2 * _LOGIT_RANGE))).astype(np.int64), BINS - 1)
        np.add.at(self.counts, ((labels > 0.5).astype(np.int64), bins), 1)  # noqa: PLR2004 - between the labels 0 and 1
        self.loss -= float(np.sum(labels * np.log(p) + (1 - labels) * np.log1p(-p)))
        self.predicted += float(np.sum(predictions, dtype=np.float64))

    @property
    def samples(self) -> int:
        """Number of samples counted."""
        return int(self.counts.sum())

    @property
    def positives(self) -> int:
        """Number of samples with label 1."""
        return int(self.counts[1].sum())

    def auc(self) -> float | None:
        """Return the area under the ROC curve, None when a class is missing.

        Pairs within one bin (1/205 of a logit wide) count half, as ties do.
        """
        negatives, positives = self.counts[0], self.counts[1]
        pairs = int(negatives.sum()) * int(positives.sum())
        if pairs == 0:
            return None
        below = np.cumsum(negatives) - negatives
        return float(np.sum(positives * (below + 0.5 * negatives)) / pairs)


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What one window says; times in ms since the epoch, ``loss`` and ``predicted`` are means."""

    task: str
    start: int
    end: int
    samples: int
    positives: int
    auc: float | None
    loss: float
    predicted: float


class Evaluation:
    """Tallies of the newest windows, bounded in number.

    Args:
      window_ms: length of a window; windows start at its multiples.
      keep: windows kept per task; samples of older ones are not counted.
    """

    def __init__(self, window_ms: int, keep: int = 24) -> None:
        self._window = window_ms
        self._keep = keep
        self._tallies: dict[tuple[str, int], Tally] = {}
        self._changed: set[tuple[str, int]] = set()

    def add(self, task: str, event_times: npt.NDArray[np.int64], labels: Floats, predictions: Floats) -> None:
        """Count samples of a task in their windows; all arrays (n,), times in ms."""
        starts = event_times // self._window * self._window
        for start in np.unique(starts):
            key = (task, int(start))
            if key not in self._tallies and not self._admit(key):
                continue
            rows = starts == start
            self._tallies[key].add(labels[rows], predictions[rows])
            self._changed.add(key)

    def results(self) -> tuple[WindowResult, ...]:
        """Return all kept windows, ordered by task and start."""
        return tuple(self._result(key) for key in sorted(self._tallies))

    def changed(self) -> tuple[WindowResult, ...]:
        """Return the windows that changed since the last call, and forget which they were."""
        results = tuple(self._result(key) for key in sorted(self._changed))
        self._changed.clear()
        return results

    def latest(self, task: str) -> WindowResult | None:
        """Return the newest window of a task, if it has any."""
        starts = [start for name, start in self._tallies if name == task]
        return self._result((task, max(starts))) if starts else None

    def _admit(self, key: tuple[str, int]) -> bool:
        task = key[0]
        kept = sorted(start for name, start in self._tallies if name == task)
        if len(kept) >= self._keep:
            if key[1] < kept[0]:
                return False
            del self._tallies[task, kept[0]]
            self._changed.discard((task, kept[0]))
        self._tallies[key] = Tally()
        return True

    def _result(self, key: tuple[str, int]) -> WindowResult:
        task, start = key
        tally = self._tallies[key]
        n = max(tally.samples, 1)
        return WindowResult(
            task=task,
            start=start,
            end=start + self._window,
            samples=tally.samples,
            positives=tally.positives,
            auc=tally.auc(),
            loss=tally.loss / n,
            predicted=tally.predicted / n,
        )
