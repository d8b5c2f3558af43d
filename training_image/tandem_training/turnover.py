"""Which ids get a row (E3) and which rows leave again (E6), as the spec says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import tandem_ops

from tandem_training.strict import Section

# Places of a table looked at after each step: a table of a million rows is looked through every 250 steps, and a step
# waits some tens of microseconds.
_PLACES: Final = 4096


@dataclass(frozen=True, slots=True)
class Turnover:
    """When rows come and go.

    Attributes:
      admission: rule by which an id gets a row.
      ttl: seconds of event time after which a row that no sample had leaves; None for never.
      zero_rows: whether rows leave that learned to be exactly zero.
    """

    admission: tandem_ops.Admission
    ttl: int | None
    zero_rows: bool


def read_turnover(admission: Mapping[str, object], eviction: Mapping[str, object]) -> Turnover:
    """Read ``spec.training.admission`` and ``spec.training.eviction``.

    Args:
      admission: ``rule`` (Every, Count, Poisson, GammaPoisson), ``threshold``, ``horizonSeconds``; empty for Every.
      eviction: ``ttlSeconds``, ``zeroRows``; empty for no TTL.

    Raises:
      UserError: a field is unknown or out of range.

    Example:
      >>> read_turnover({"rule": "Count", "threshold": 3}, {"ttlSeconds": 86400}).ttl
      86400
    """
    rules = Section(admission, "spec.training.admission")
    rule = rules.text("rule", "Every", among=("Every", "Count", "Poisson", "GammaPoisson"))
    threshold = rules.integer("threshold", 10, low=1, high=1_000_000)
    horizon = rules.integer("horizonSeconds", 86_400, low=1)
    rules.done()
    leaving = Section(eviction, "spec.training.eviction")
    ttl = leaving.integer("ttlSeconds", low=1) if leaving.has("ttlSeconds") else None
    zero_rows = leaving.flag("zeroRows", default=True)
    leaving.done()
    return Turnover(_rule(rule, threshold, horizon), ttl, zero_rows)


def _rule(rule: str, threshold: int, horizon: int) -> tandem_ops.Admission:
    match rule:
        case "Count":
            return tandem_ops.CountAtLeast(threshold)
        case "Poisson":
            return tandem_ops.Poisson(threshold, horizon=horizon)
        case "GammaPoisson":
            return tandem_ops.GammaPoisson(threshold, horizon=horizon)
        case _:
            return tandem_ops.Every()


class Sweeper:
    """Lets rows leave, a few places of each table after every step.

    Args:
      tables: those that learn.
      ttl: seconds of event time; None for never.
      zero_rows: whether rows leave that learned to be exactly zero; looking for them costs a read of each row.
    """

    def __init__(self, tables: Iterable[tandem_ops.HashVariable], *, ttl: int | None, zero_rows: bool) -> None:
        self._tables = tuple(tables)
        self._ttl = ttl
        self._zero_rows = zero_rows

    def sweep(self, now: int) -> int:
        """Remove what has to leave among the places whose turn it is.

        Args:
          now: event time in ms.

        Returns:
          How many rows left; each leaves a tombstone for the next update.
        """
        before = 0 if self._ttl is None else max(0, now // 1000 - self._ttl)
        if not (before or self._zero_rows):
            return 0
        swept = [table.sweep(seen_before=before, zero_rows=self._zero_rows, rows=_PLACES) for table in self._tables]
        return sum(sweep.removed for sweep in swept)
