"""From what was observed to the few facts that the cycle decides on; pure."""

from dataclasses import dataclass, field
from datetime import datetime

from tandem_wire.target import Run, Target

from tandem_operator import cycle, gates, rollout, schedule
from tandem_operator.api import ANNOTATION_FORGIVE, CycleState, Handoff, OnlineModel, Role
from tandem_operator.observed import BaseView, JobView, Observed, PodView, StoreView
from tandem_operator.support import blocks_bootstrap


@dataclass(frozen=True, slots=True)
class Situation:
    """The cycle's facts together with what they were made from, for the status."""

    target: Target
    state: CycleState
    facts: cycle.Facts
    run: Run | None
    work: schedule.Clockwork
    progress: rollout.Progress = field(default_factory=rollout.Progress)
    gates: tuple[gates.Gate, ...] = ()
    waits_for: str = ""
    """For people: what the candidate waits for."""


def situation(model: OnlineModel, seen: Observed, store: StoreView, target: Target, now: datetime) -> Situation:
    """Gather the facts of one instant.

    Args:
      model: the resource.
      seen: jobs, pods and memory.
      store: the model's part of the store, read after the cluster, so that a Job that ended is never without its outcome.
      target: that of the store, and ours.
      now: the wall clock.
    """
    spec = model.spec
    taken = frozenset(store.bases)
    usable = frozenset(number for number, base in store.bases.items() if base.usable)
    live = tuple(pod.base for pod in seen.pods if pod.live)
    run = cycle.running(target, taken)
    work = schedule.clockwork(spec, store.bases.values(), run, _began(seen, run), now)
    progress, asked, against, waits = _candidate(model, seen, store, target, now)
    may_start = work.start and not spec.suspend and not (target.stable is None and blocks_bootstrap(spec))
    facts = cycle.Facts(
        now=now,
        taken=taken,
        usable=usable,
        live=live,
        chosen=spec.rollout.base if spec.rollout.base in usable else None,
        hold=spec.suspend or spec.rollout.paused or spec.rollout.base is not None,
        against=against,
        verified=target.candidate is not None and against is None and not waits,
        step_done=progress.done,
        last_step=progress.steps,
        share=progress.share,
        next_share=progress.next_share,
        may_start=may_start,
        run_due=work.due,
        cut_due=work.cut is not None and now >= work.cut and not spec.suspend,
        max_refusals=spec.rollout.max_refusals,
        how=spec.mode_at(now).value,
        lifted=lifted(model),
    )
    state = cycle.state_of(target, live)
    return Situation(target, state, facts, run, work, progress, asked, waits)


def lifted(model: OnlineModel) -> frozenset[int]:
    """Give the bases that a person wants whatever was said against them: chosen, or forgiven by annotation."""
    said = model.metadata.annotations.get(ANNOTATION_FORGIVE, "")
    numbers = {int(part) for part in said.replace(" ", "").split(",") if part.isdigit()}
    chosen = model.spec.rollout.base
    return frozenset(numbers | ({chosen} if chosen is not None else set()))


def _began(seen: Observed, run: Run | None) -> datetime | None:
    """Tell when the trainer of a run began, if it is at work."""
    if run is None:
        return None
    return next((job.started for job in seen.jobs_of(Role.A) if job.number == run.makes and not job.deleting), None)


_Judged = tuple[rollout.Progress, tuple[gates.Gate, ...], str | None, str]


def _candidate(model: OnlineModel, seen: Observed, store: StoreView, target: Target, now: datetime) -> _Judged:
    """Judge the candidate: progress, gates, what speaks against it, what it waits for."""
    if target.candidate is None or target.stable is None:
        return rollout.Progress(), (), None, ""
    spec = model.spec.rollout
    progress = rollout.look(target, spec, seen.pods, seen.memory.watching_since, now)
    base = store.bases.get(target.candidate)
    if base is None or base.retired:
        return progress, (), f"base {target.candidate} is not in the store any more", ""
    current = store.updates.get(target.stable)
    asked = gates.judge(spec.gates, base, current.windows if current is not None else ())
    heeded = asked[:1] if target.candidate in lifted(model) else asked
    against = gates.failure(heeded) or progress.against
    if target.step > 0:
        return progress, asked, against, progress.doing
    waits = _verifying(model, seen, store, base, asked, target.stable)
    if against is None and waits and _hopeless(model, seen, store, target, now):
        against = f"{waits}, for longer than spec.rollout.progressDeadline"
    return progress, asked, against, waits


def _verifying(
    model: OnlineModel, seen: Observed, store: StoreView, base: BaseView, asked: tuple[gates.Gate, ...], stable: int
) -> str:
    """Tell what must still come before pods may load the candidate; empty when nothing must."""
    spec = model.spec
    if spec.rollout.paused:
        return "paused by spec.rollout.paused"
    if gates.waiting_for_export(asked):
        return "the sizes of its objects are being compared with its manifest"
    if spec.promotion.handoff is Handoff.PAUSE:
        busy = [job.name for job in seen.jobs_of(Role.B)]
        return f"{', '.join(busy)} must end first (handoff: Pause)" if busy else ""
    if spec.suspend or caught_up(model, store, base, stable):
        return ""
    return f"the updates of base {base.number} have not caught up with those of base {stable} (handoff: Overlap)"


def caught_up(model: OnlineModel, store: StoreView, base: BaseView, stable: int) -> bool:
    """Tell whether the candidate's watermark is within twice ``swift.interval`` of that of the lineage in service."""
    theirs = _watermark(store, stable)
    if theirs is None:
        return True
    ours = _watermark(store, base.number)
    return ours is not None and ours >= theirs - 2 * model.spec.swift.interval


def _watermark(store: StoreView, number: int) -> datetime | None:
    base, log = store.bases.get(number), store.updates.get(number)
    known = [view.watermark for view in (base, log) if view is not None and view.watermark is not None]
    return max(known, default=None)


def _hopeless(model: OnlineModel, seen: Observed, store: StoreView, target: Target, now: datetime) -> bool:
    """Tell whether the candidate's own updates flow and yet stay behind beyond the deadline; that its trainer cannot run is no fact
    about the candidate.
    """
    log = store.updates.get(target.candidate) if target.candidate is not None else None
    since = max(target.since, seen.memory.watching_since)
    flows = log is not None and log.update > 0
    overlap = model.spec.promotion.handoff is Handoff.OVERLAP and not model.spec.rollout.paused
    return flows and overlap and now >= since + model.spec.rollout.progress_deadline


def slowest(pods: tuple[PodView, ...]) -> PodView | None:
    """Give the live pod with the oldest watermark: what the least fresh answer comes from."""
    known = [pod for pod in pods if pod.report is not None and pod.report.serving is not None]
    return min(known, key=_age_order, default=None)


def _age_order(pod: PodView) -> tuple[bool, float, int, int]:
    serving = pod.report.serving if pod.report is not None else None
    if serving is None:
        return (True, 0.0, 0, 0)
    stamp = serving.watermark.timestamp() if serving.watermark is not None else 0.0
    return (False, stamp, serving.base, serving.update)


def trainer_fault(jobs: tuple[JobView, ...]) -> JobView | None:
    """Give the first Job whose pod said why it ended in failure, or says why it cannot start."""
    return next((job for job in jobs if job.termination is not None or job.waiting is not None), None)
