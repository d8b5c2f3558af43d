"""From what was observed to the few facts that the cycle decides on; pure."""

from dataclasses import dataclass
from datetime import datetime

from tandem_wire.target import Run, Target

from tandem_operator import candidate, cycle, schedule
from tandem_operator.api import CycleState, OnlineModel, Role
from tandem_operator.observed import JobPhase, Observed, PodView, StoreView
from tandem_operator.premises import Facts, running
from tandem_operator.support import blocks_bootstrap


@dataclass(frozen=True, slots=True)
class Situation:
    """The cycle's facts together with what they were made from, for the status."""

    target: Target
    state: CycleState
    facts: Facts
    run: Run | None
    began: datetime | None
    """When the trainer of that run began to train."""
    work: schedule.Clockwork
    judged: candidate.Judgement


def situation(model: OnlineModel, seen: Observed, store: StoreView, target: Target, now: datetime) -> Situation:
    """Gather the facts of one instant.

    Args:
      model: the resource.
      seen: jobs, pods and memory.
      store: the model's part of the store, read after the cluster, so that a Job that ended is never without its
        outcome.
      target: that of the store, and ours.
      now: the wall clock.
    """
    spec = model.spec
    taken = frozenset(store.bases)
    usable = frozenset(number for number, base in store.bases.items() if base.usable)
    live = tuple(pod.base for pod in seen.pods if pod.live)
    run = running(target, taken)
    began = _began(seen, store, run)
    work = schedule.clockwork(spec, store.bases.values(), run, began, now)
    judged = candidate.judge(model, seen, store, target, now)
    progress = judged.progress
    may_start = work.start and not spec.suspend and not (target.stable is None and blocks_bootstrap(spec))
    facts = Facts(
        now=now,
        taken=taken,
        usable=usable,
        live=live,
        chosen=spec.rollout.base if spec.rollout.base in usable else None,
        hold=spec.suspend or spec.rollout.paused or spec.rollout.base is not None,
        against=judged.against,
        verified=judged.verified,
        step_done=progress.done,
        last_step=progress.steps,
        share=progress.share,
        next_share=progress.next_share,
        may_start=may_start,
        run_due=work.due,
        cut_due=work.cut is not None and now >= work.cut and not spec.suspend,
        max_refusals=spec.rollout.max_refusals,
        how=spec.mode_at(now).value,
        lifted=candidate.lifted(model),
    )
    state = cycle.state_of(target, live)
    return Situation(target, state, facts, run, began, work, judged)


def _began(seen: Observed, store: StoreView, run: Run | None) -> datetime | None:
    """Tell when the trainer that works on a run claimed its log: from then on it trains.

    Not when its container began: the import of its libraries may take longer than a short run. A claim from before its
    Job was made is of a former one, which got nowhere.
    """
    if run is None:
        return None
    log = store.runs.get(run.makes)
    job = next((job for job in seen.jobs_of(Role.A) if job.number == run.makes and not job.deleting), None)
    if log is None or log.claimed is None or job is None or job.phase is not JobPhase.ACTIVE:
        return None
    return log.claimed if job.created is None or log.claimed >= job.created else None


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
