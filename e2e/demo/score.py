"""How good and how fresh answers were: AUC by window, percentiles, freshness. Pure functions over arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from e2e.demo.logs import Answer, Scored
from e2e.demo.samples import Doubles, Floats


def auc(labels: Floats, predictions: Doubles) -> float | None:
    """The chance that a positive is ranked above a negative, ties counting one half.

    Args:
      labels: float32 (n,), 0 or 1.
      predictions: float64 (n,).

    Returns:
      A number in [0, 1]; None when a class is missing or a prediction is not known (NaN).

    Example:
      >>> auc(np.array([0, 1, 1], np.float32), np.array([0.1, 0.1, 0.9]))
      0.75
    """
    positives = labels > 0
    many, few = int(positives.sum()), int((~positives).sum())
    if many == 0 or few == 0 or np.isnan(predictions).any():
        return None
    _, inverse, counts = np.unique(predictions, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    return float((ranks[positives].sum() - many * (many + 1) / 2) / (many * few))


@dataclass(frozen=True, slots=True)
class Window:
    """One window of event time in the table.

    Attributes:
      start_ms, end_ms: its bounds, the end excluded.
      samples, clicks: how many impressions were asked about, and how many of them were clicked.
      ctr, cvr: judge → AUC of all impressions, and of the clicked ones against conversion.
    """

    start_ms: int
    end_ms: int
    samples: int
    clicks: int
    ctr: dict[str, float | None]
    cvr: dict[str, float | None]


def score(scored: Scored, start_ms: int, end_ms: int) -> Window:
    """The AUC of each judge over the impressions with event time in [start, end)."""
    seen = (scored.event_ms >= start_ms) & (scored.event_ms < end_ms)
    clicked = seen & (scored.click > 0)
    return Window(
        start_ms=start_ms,
        end_ms=end_ms,
        samples=int(seen.sum()),
        clicks=int(clicked.sum()),
        ctr={judge: auc(scored.click[seen], given[seen]) for judge, given in scored.ctr.items()},
        cvr={judge: auc(scored.conversion[clicked], given[clicked]) for judge, given in scored.cvr.items()},
    )


def windows(scored: Scored, origin_ms: int, width_ms: int) -> list[Window]:
    """All windows from ``origin_ms`` on that hold an impression; impressions before it are left out."""
    if not len(scored.event_ms):
        return []
    last = int(scored.event_ms.max())
    found = [score(scored, start, start + width_ms) for start in range(origin_ms, last + 1, width_ms)]
    return [window for window in found if window.samples]


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of a duration in seconds."""

    p50: float
    p99: float
    largest: float
    count: int


def spread(seconds: Sequence[float] | Doubles) -> Spread | None:
    """Percentiles of ``seconds``; None when there are none."""
    if not len(seconds):
        return None
    values = np.asarray(seconds, np.float64)
    p50, p99, largest = (float(np.percentile(values, q)) for q in (50, 99, 100))
    return Spread(p50, p99, largest, len(values))


def staleness(answers: Sequence[Answer], watermark_ms: Mapping[int, int]) -> list[tuple[int, float]]:
    """For each answer: when it came, and its freshness: that moment less its version's watermark, in seconds.

    Answers whose version has no watermark (nothing was trained yet) are left out.
    """
    return [
        (answer.answered_ms, (answer.answered_ms - watermark_ms[answer.version]) / 1000)
        for answer in answers
        if answer.version in watermark_ms
    ]


def event_to_answer(
    answers: Sequence[Answer], events_ms: Sequence[int], watermark_ms: Mapping[int, int]
) -> list[tuple[int, float]]:
    """For each event: its time, and the seconds until an answer came from weights that had trained on it.

    The first answer counts whose version's watermark is at or past the event: all events up to a watermark are in the
    weights. Events that no answer reached (the last ones before the end) are left out.
    """
    reached: list[tuple[int, int]] = []
    for answer in sorted(answers, key=lambda one: one.answered_ms):
        mark = watermark_ms.get(answer.version)
        if mark is not None and (not reached or mark > reached[-1][0]):
            reached.append((mark, answer.answered_ms))
    found: list[tuple[int, float]] = []
    at = 0
    for event in sorted(events_ms):
        while at < len(reached) and reached[at][0] < event:
            at += 1
        if at == len(reached):
            break
        if reached[at][1] >= event:
            found.append((event, (reached[at][1] - event) / 1000))
    return found


def swaps(answers: Sequence[Answer]) -> list[tuple[int, int]]:
    """When each base first answered, in order of time: (answered_ms, base). The first is no swap but the beginning."""
    first: dict[int, int] = {}
    for answer in answers:
        first[answer.base] = min(answer.answered_ms, first.get(answer.base, answer.answered_ms))
    return sorted((at, base) for base, at in first.items())
