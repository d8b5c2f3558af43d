"""The status of an OnlineModel from the picture of one instant; pure. It mirrors, and could be deleted at any time."""

from collections import Counter
from datetime import datetime

from tandem_operator.api import (
    NOTHING_ROLLS,
    CycleState,
    CycleStatus,
    Freshness,
    GateStatus,
    JobState,
    JobStatus,
    Lineages,
    LineageStatus,
    OwnerStatus,
    Phase,
    RefusedBase,
    RefusedUpdate,
    RolloutStatus,
    ServingStatus,
    Status,
    StreamStatus,
)
from tandem_operator.conditions import conditions
from tandem_operator.facts import Situation
from tandem_operator.observed import JobPhase, JobView, StoreView
from tandem_operator.picture import Picture, failing, trouble
from tandem_operator.schedule import next_swap

KEPT_REFUSALS = 16
WORTH_WRITING = 5
"""Seconds by which freshness must differ from what was last written before it alone is worth a write."""


def status(picture: Picture) -> Status:
    """Make the status; what cannot be known now stands as it was last known, and the conditions say so."""
    model, situation, before = picture.model, picture.situation, picture.model.status
    known: dict[str, object] = {
        "observed_generation": model.metadata.generation,
        "phase": _phase(picture),
        "mode": model.spec.mode_at(picture.now),
        "conditions": conditions(picture),
        "freshness": _freshness(picture),
        "serving": _serving(picture),
        "jobs": tuple(_job(picture, job) for job in picture.seen.jobs),
        "refused_updates": _refused_updates(picture),
    }
    if situation is None:
        return before.model_copy(update=known)
    cycle: dict[str, object] = {
        "lineage": _lineages(picture, situation),
        "cycle": _cycle(picture, situation),
        "rollout": _rollout(situation),
        "refused": _refused(situation),
        "streams": _streams(picture, situation),
        "owner": OwnerStatus(cluster=situation.target.owner.cluster, resource=situation.target.owner.resource),
    }
    return before.model_copy(update={**known, **cycle})


def _phase(picture: Picture) -> Phase:
    if picture.model.metadata.deletion_timestamp is not None:
        return Phase.DELETING
    situation = picture.situation
    serves = bool(picture.answering)
    if trouble(picture) is not None and not serves:
        return Phase.STALLED
    if situation is None:
        return picture.model.status.phase
    if picture.model.spec.suspend and situation.target.candidate is None:
        return Phase.SUSPENDED
    return Phase(situation.state.value)


def _freshness(picture: Picture) -> Freshness | None:
    age = picture.freshness
    if age is None:
        return None
    target = int(picture.model.spec.monitoring.freshness_target.total_seconds())
    seconds = int(age.total_seconds())
    before = picture.model.status.freshness
    if before is not None and before.target == target and abs(before.seconds - seconds) < WORTH_WRITING:
        seconds = before.seconds
    return Freshness(seconds=seconds, target=target)


def _lineages(picture: Picture, situation: Situation) -> Lineages:
    store, target = picture.seen.store, situation.target
    candidate = None
    if target.candidate is not None and isinstance(store, StoreView):
        base, log = store.bases.get(target.candidate), store.updates.get(target.candidate)
        marks = [view.watermark for view in (base, log) if view is not None and view.watermark is not None]
        candidate = LineageStatus(
            base=target.candidate,
            update=log.update if log is not None else 0,
            watermark=_whole(max(marks, default=None)),
        )
    pod = picture.oldest
    said = pod.report.serving if pod is not None and pod.report is not None else None
    serving = None
    if said is not None:
        serving = LineageStatus(base=said.base, update=said.update, watermark=_whole(said.watermark))
    return Lineages(
        serving=serving, candidate=candidate, restored_from=situation.run.parent if situation.run is not None else None
    )


def _whole(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(microsecond=0)


def _cycle(picture: Picture, situation: Situation) -> CycleStatus:
    due = next_swap(picture.model.spec, situation.work, situation.run, picture.now)
    return CycleStatus(
        state=situation.state,
        since=_whole(situation.target.since),
        next_swap=_whole(due),
        progress_percentage=_progress(picture, situation),
    )


def _progress(picture: Picture, situation: Situation) -> int | None:
    cut, began = situation.work.cut, situation.began
    if situation.state is CycleState.ROLLING_OUT:
        pods = len(picture.seen.pods)
        return round(100 * situation.judged.progress.on_candidate / pods) if pods else 0
    if situation.run is None or cut is None or began is None or cut <= began:
        return None
    # In steps of five: a percentage that changes at every look would be a write at every look.
    return 5 * min(20, max(0, int(20 * (picture.now - began) / (cut - began))))


def _rollout(situation: Situation) -> RolloutStatus:
    target, progress = situation.target, situation.judged.progress
    if target.candidate is None:
        return RolloutStatus(summary=NOTHING_ROLLS)
    asked = tuple(
        GateStatus(name=gate.name, state=gate.verdict.value, message=gate.message) for gate in situation.judged.asked
    )
    return RolloutStatus(
        summary=f"{target.step}/{progress.steps}",
        step=target.step,
        of=progress.steps,
        pods_on_candidate=progress.on_candidate,
        gates=asked,
    )


def _refused(situation: Situation) -> tuple[RefusedBase, ...]:
    newest = sorted(situation.target.refused.items())[-KEPT_REFUSALS:]
    return tuple(RefusedBase(base=base, reason=why) for base, why in newest)


def _refused_updates(picture: Picture) -> tuple[RefusedUpdate, ...]:
    reports = [refusal for pod in picture.seen.pods if pod.report is not None for refusal in pod.report.refused]
    counts = Counter(refusal.record for refusal in reports)
    first = {}
    for refusal in sorted(reports, key=lambda refusal: refusal.at, reverse=True):
        first[refusal.record] = refusal
    newest = sorted(first.values(), key=lambda refusal: refusal.at)[-KEPT_REFUSALS:]
    return tuple(
        RefusedUpdate(record=seen.record, reason=seen.reason, pods=counts[seen.record], at=_whole(seen.at))
        for seen in newest
    )


def _serving(picture: Picture) -> ServingStatus:
    return ServingStatus(
        replicas=picture.model.spec.serving.replicas,
        ready=sum(pod.ready for pod in picture.seen.pods),
        answering=sum(pod.base is not None for pod in picture.seen.pods),
    )


def _job(picture: Picture, job: JobView) -> JobStatus:
    failures = picture.seen.memory.failures.get(job.name)
    failed = failing(picture, job, job.name)
    said = failed.termination.message if failed is not None and failed.termination is not None else job.waiting
    return JobStatus(
        name=job.name,
        role=job.role,
        number=job.number,
        state=_job_state(job),
        since=_whole(job.finished or job.started or job.created),
        failures=failures.count if failures is not None and failed is not None else 0,
        message=said,
    )


def _job_state(job: JobView) -> JobState:
    if job.phase is JobPhase.SUCCEEDED:
        return JobState.SUCCEEDED
    if job.phase is JobPhase.FAILED:
        return JobState.BACKING_OFF
    return JobState.PENDING if job.started is None else JobState.RUNNING


def _streams(picture: Picture, situation: Situation) -> tuple[StreamStatus, ...]:
    store, stable = picture.seen.store, situation.target.stable
    if not isinstance(store, StoreView) or stable is None:
        return ()
    log, base = store.updates.get(stable), store.bases.get(stable)
    counters = log.counters if log is not None and log.counters else base.counters if base is not None else {}
    return tuple(
        StreamStatus(name=name, read=seen.read, trained=seen.trained, quarantined=dict(seen.quarantined))
        for name, seen in sorted(counters.items())
    )
