"""What is known of the candidate.

How far its rollout is, what its gates say, what speaks against it, what it waits for. Pure.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tandem_wire.target import Target

from tandem_operator import gates, rollout
from tandem_operator.api import ANNOTATION_FORGIVE, Handoff, OnlineModel, Role
from tandem_operator.observed import BaseView, Observed, StoreView

QUIET = timedelta(seconds=30)
"""A Model B that has claimed its log and published nothing for so long has nothing to publish."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the cycle must know of a candidate; of no candidate, nothing speaks against and nothing is done."""

    progress: rollout.Progress = field(default_factory=rollout.Progress)
    asked: tuple[gates.Gate, ...] = ()
    against: str | None = None
    """A fact about the candidate that refuses it."""
    waits_for: str = ""
    """For people: what it waits for; while it is verified, empty means that nothing is missing."""

    @property
    def verified(self) -> bool:
        """Whether pods may load it."""
        return self.against is None and not self.waits_for


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate and everything to judge it by."""

    model: OnlineModel
    seen: Observed
    store: StoreView
    target: Target
    base: BaseView
    stable: int
    now: datetime


def judge(model: OnlineModel, seen: Observed, store: StoreView, target: Target, now: datetime) -> Judgement:
    """Judge the target's candidate, if it has one."""
    if target.candidate is None or target.stable is None:
        return Judgement(against="there is no candidate")
    progress = rollout.look(target, model.spec.rollout, seen.pods, seen.memory.watching_since, now)
    base = store.bases.get(target.candidate)
    if base is None or base.retired:
        return Judgement(progress, against=f"base {target.candidate} is not in the store any more")
    case = Case(model, seen, store, target, base, target.stable, now)
    current = store.updates.get(target.stable)
    asked = gates.judge(model.spec.rollout.gates, base, current.windows if current is not None else ())
    # What a person wants is not refused by what was measured, only by what cannot be served.
    heeded = asked[:1] if base.number in lifted(model) else asked
    against = gates.failure(heeded) or progress.against
    if target.step > 0:
        return Judgement(progress, asked, against, progress.doing)
    waits = _waits_for(case, asked)
    if against is None and waits and _hopeless(case):
        against = f"{waits}, for longer than spec.rollout.progressDeadline"
    return Judgement(progress, asked, against, waits)


def lifted(model: OnlineModel) -> frozenset[int]:
    """Give the bases that a person wants whatever was said against them: chosen, or forgiven by annotation."""
    said = model.metadata.annotations.get(ANNOTATION_FORGIVE, "")
    numbers = {int(part) for part in said.replace(" ", "").split(",") if part.isdecimal()}
    chosen = model.spec.rollout.base
    return frozenset(numbers | ({chosen} if chosen is not None else set()))


def _waits_for(case: Case, asked: tuple[gates.Gate, ...]) -> str:
    """Tell what must still come before pods may load the candidate; empty when nothing must."""
    spec = case.model.spec
    if spec.rollout.paused:
        return "paused by spec.rollout.paused"
    if gates.waiting_for_export(asked):
        return "the sizes of its objects are being compared with its manifest"
    if spec.promotion.handoff is Handoff.PAUSE:
        busy = [job.name for job in case.seen.jobs_of(Role.B)]
        return f"{', '.join(busy)} must end first (handoff: Pause)" if busy else ""
    if spec.suspend or (_at_work(case) and _caught_up(case)):
        return ""
    return f"its updates have not caught up with those of base {case.stable} (handoff: Overlap)"


def _at_work(case: Case) -> bool:
    """Tell whether the candidate's Model B streams: it has published, or had time to and found nothing to publish."""
    log = case.store.updates.get(case.base.number)
    if log is None or log.last == 0:
        return False
    began = next((job.started for job in case.seen.jobs_of(Role.B) if job.number == case.base.number), None)
    return log.update > 0 or (began is not None and case.now - began >= QUIET)


def _caught_up(case: Case) -> bool:
    """Tell whether its watermark is within twice ``swift.interval`` of that of the lineage in service."""
    theirs = _watermark(case.store, case.stable)
    if theirs is None:
        return True
    ours = _watermark(case.store, case.base.number)
    return ours is not None and ours >= theirs - 2 * case.model.spec.swift.interval


def _watermark(store: StoreView, number: int) -> datetime | None:
    base, log = store.bases.get(number), store.updates.get(number)
    known = [view.watermark for view in (base, log) if view is not None and view.watermark is not None]
    return max(known, default=None)


def _hopeless(case: Case) -> bool:
    """Tell whether its updates flow and yet stay behind beyond the deadline.

    That its Model B cannot run at all is no fact about the candidate.
    """
    spec = case.model.spec
    log = case.store.updates.get(case.base.number)
    since = max(case.target.since, case.seen.memory.watching_since)
    flows = log is not None and log.update > 0 and spec.promotion.handoff is Handoff.OVERLAP
    return flows and not spec.rollout.paused and case.now >= since + spec.rollout.progress_deadline
