"""When a run of Model A starts and when it is cut; both modes are one cycle and differ only here. Pure.

bootstrap
    starts at once; is cut ``bootstrap.duration`` after its trainer began.
Promotion
    starts as soon as the one before is durable; is cut ``promotion.swapEvery`` after the later of: the newest base
    became durable, its trainer began.
Daily
    starts at ``daily.at``, unless the day has its base; is cut at once, since its trainer catches up before it ends.
    One that a change of mode left running is cut at the next ``daily.at``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tandem_wire.target import Run

from tandem_operator.api import Mode, Spec, next_mode_change
from tandem_operator.observed import BaseView


@dataclass(frozen=True, slots=True)
class Clockwork:
    """What the schedule says at one instant."""

    start: bool
    """Whether a run is due to start now, when none is running."""
    due: datetime | None
    """What the run carries as its due time; None for runs that start as soon as they can."""
    cut: datetime | None
    """When the present run is to be cut; None while that cannot be told."""
    expected: datetime | None
    """When it will probably be cut, for people; told before its trainer has begun."""
    next_look: datetime | None
    """When the answer may change by time alone."""


def clockwork(
    spec: Spec, bases: Iterable[BaseView], run: Run | None, began: datetime | None, now: datetime
) -> Clockwork:
    """Tell what is due.

    Args:
      spec: the resource's spec.
      bases: all bases there ever were.
      run: the run whose base is not durable yet, if there is one.
      began: when the trainer of that run began, if it did.
      now: the wall clock.
    """
    known = tuple(bases)
    edge = next_mode_change(spec.promotion.windows, now)
    if not known:
        cut = began + spec.bootstrap.duration if began is not None else None
        return Clockwork(start=True, due=None, cut=cut, expected=cut, next_look=_later(now, cut, edge))
    newest = max((base.created for base in known if base.created is not None), default=None)
    if spec.mode_at(now) is Mode.PROMOTION:
        known_from = [at for at in (newest, began) if at is not None]
        expected = max(known_from) + spec.promotion.swap_every if known_from else None
        cut = expected if began is not None else None
        return Clockwork(start=True, due=None, cut=cut, expected=expected, next_look=_later(now, cut, edge))
    return _daily(spec, known, run, began, now)


def _daily(
    spec: Spec, bases: tuple[BaseView, ...], run: Run | None, began: datetime | None, now: datetime
) -> Clockwork:
    slot = spec.daily.last_due(now)
    upcoming = spec.daily.next_due(now)
    edge = next_mode_change(spec.promotion.windows, now)
    served = any(at is not None and at >= slot for base in bases for at in (base.due, base.created))
    if run is not None and run.due is not None:
        cut: datetime | None = run.due
    elif began is not None:
        cut = spec.daily.next_due(began)
    else:
        cut = None
    return Clockwork(start=not served, due=slot, cut=cut, expected=cut, next_look=_later(now, cut, upcoming, edge))


def _later(now: datetime, *instants: datetime | None) -> datetime | None:
    return min((instant for instant in instants if instant is not None and instant > now), default=None)


def next_swap(spec: Spec, work: Clockwork, run: Run | None, now: datetime) -> datetime | None:
    """Tell a person when the next base is due: the cut of the run, or the start of the next Daily one."""
    if run is not None and run.cut is not None:
        return run.cut
    if run is not None and work.expected is not None:
        return work.expected
    return spec.daily.next_due(now) if spec.mode_at(now) is Mode.DAILY and run is None else None
