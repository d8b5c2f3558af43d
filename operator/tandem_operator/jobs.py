"""Which trainers shall be, and what to do so that they are; pure.

A Job cannot be changed: one that must change, or that ended while it is wanted, is deleted (with its uid as
precondition) and made anew under the same name. How a Job ended proves nothing, the store decides; it only sets how
long the next try waits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tandem_wire.report import Fault
from tandem_wire.target import Target

from tandem_operator.actions import Action, CreateJob, DeleteJob
from tandem_operator.api import CycleState, Handoff, Role
from tandem_operator.children import Child
from tandem_operator.observed import Failures, JobPhase, JobView, LogView, Memory, Observed, PodView, StoreView
from tandem_operator.premises import running

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=1)
FORGOTTEN = timedelta(hours=1)
"""After so long a failure is not counted together with later ones."""

HEALTHY = timedelta(minutes=5)
"""A Job that lived this long was well: its end is not counted together with earlier ones."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The trainers that shall be."""

    run: int | None = None
    """The base that Model A shall make."""
    lineages: frozenset[int] = frozenset()
    """The bases whose Model B shall stream."""
    keep: frozenset[int] = frozenset()
    """Lineages whose Model B is neither begun nor ended, since it is not known whether pods still need it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the spec says of trainers."""

    handoff: Handoff
    suspend: bool = False


def wanted(target: Target, state: CycleState, pods: Iterable[PodView], taken: frozenset[int], wish: Wish) -> Wanted:
    """Tell which trainers shall be.

    With ``Pause`` no Model B streams while there is a candidate. With ``Overlap`` there is one for the stable base, one
    for the candidate, and one for every base that a pod still answers from. A suspended model keeps them only until its
    rollout is over.
    """
    run = running(target, taken)
    makes = None if run is None or wish.suspend else run.makes
    if target.stable is None or (wish.suspend and target.candidate is None):
        return Wanted(makes)
    if wish.handoff is Handoff.PAUSE:
        return Wanted(makes, frozenset() if target.candidate is not None else frozenset({target.stable}))
    live = [pod for pod in pods if pod.live]
    served = {pod.base for pod in live if pod.base is not None}
    aims = {target.stable} | ({target.candidate} if target.candidate is not None else set())
    unknown = any(pod.base is None for pod in live) and state is not CycleState.BOOTSTRAPPING
    return Wanted(makes, frozenset(aims | served), taken if unknown else frozenset())


def steps(
    want: Wanted, rendered: Mapping[str, Child], seen: Observed, now: datetime
) -> tuple[tuple[Action, ...], datetime | None]:
    """Give the actions that bring the Jobs to what is wanted, and when to look again because a pause ends.

    Args:
      want: the trainers that shall be.
      rendered: their manifests by name.
      seen: the Jobs that are there, what pods cannot read, failures in a row.
      now: the wall clock.
    """
    there = {job.name: job for job in seen.jobs}
    logs = seen.store.updates if isinstance(seen.store, StoreView) else {}
    sick = unreadable(seen.pods, logs, seen.memory)
    memory = seen.memory
    actions: list[Action] = [_end(job) for job in seen.jobs if job.name not in rendered and _to_end(job, want)]
    later: list[datetime] = []
    for name, child in rendered.items():
        job = there.get(name)
        if job is None:
            pause = _pause_ends(memory.failures.get(name), child)
            if pause is None or pause <= now:
                actions.append(CreateJob(child, "it is wanted and not there"))
            else:
                later.append(pause)
        elif not job.deleting:
            action, at = _mend(job, child, sick.get(job.number) if job.role is Role.B else None, memory, now)
            actions.extend([action] if action is not None else [])
            later.extend([at] if at is not None else [])
    return tuple(actions), min(later, default=None)


def unreadable(pods: Sequence[PodView], logs: Mapping[int, LogView], memory: Memory) -> dict[int, int]:
    """Give, per lineage, the last slot that pods cannot read.

    Slots that a keyframe voids, and those that were seen to already, are passed over.
    """
    found: dict[int, int] = {}
    for pod in pods:
        for refusal in pod.report.refused if pod.report is not None else ():
            log, _, place = refusal.record.partition("/")
            number, _, slot = place.partition("/")
            if log != "updates" or not (number.isdigit() and slot.isdigit()):
                continue
            lineage, n = int(number), int(slot)
            view = logs.get(lineage)
            if view is None or view.healed(n) or (lineage, n) in memory.remade:
                continue
            found[lineage] = max(n, found.get(lineage, 0))
    return found


def remember(memory: Memory, jobs: Iterable[JobView], now: datetime) -> Memory:
    """Count how often Jobs of one name ended in a row; each Job once."""
    failures = {name: known for name, known in memory.failures.items() if now - known.last < FORGOTTEN}
    for job in jobs:
        before = failures.get(job.name)
        if job.phase is JobPhase.ACTIVE or job.deleting or (before is not None and before.uid == job.uid):
            continue
        ended = job.finished or now
        lived = ended - (job.started or job.created or ended)
        count = 1 if before is None or lived >= HEALTHY else before.count + 1
        failures[job.name] = Failures(count, ended, job.uid, job.phase, job.termination, job.fingerprint)
    return replace(memory, failures=failures)


def _to_end(job: JobView, want: Wanted) -> bool:
    if job.deleting:
        return False
    if job.role is Role.B:
        return job.number not in want.keep
    # The Job of the last run stays for its log until there is another.
    return job.phase is JobPhase.ACTIVE or want.run is not None


def _end(job: JobView) -> DeleteJob:
    return DeleteJob(job.name, job.uid, "it is not wanted any more")


def _mend(
    job: JobView, child: Child, sick: int | None, memory: Memory, now: datetime
) -> tuple[Action | None, datetime | None]:
    changed = job.fingerprint != child.fingerprint
    if job.phase is not JobPhase.ACTIVE:
        pause = _pause_ends(memory.failures.get(job.name), child)
        if pause is None or pause <= now:
            return DeleteJob(job.name, job.uid, f"it ended ({job.phase.value}) and is made anew"), None
        return None, pause
    if sick is not None:
        why = f"pods cannot read updates/{job.number}/{sick}; the next Model B replaces it by a keyframe"
        return DeleteJob(job.name, job.uid, why, heals=(job.number, sick)), None
    if changed and (job.role is Role.B or job.started is None):
        return DeleteJob(job.name, job.uid, "it must change, so it is made anew"), None
    return None, None


def _pause_ends(failures: Failures | None, child: Child) -> datetime | None:
    """Tell until when the next try waits; a changed spec waits no longer, since a person may just have mended it."""
    if failures is None or failures.fingerprint != child.fingerprint:
        return None
    if failures.phase is JobPhase.SUCCEEDED and failures.count == 1:
        return None
    doublings = failures.count - 1 + (2 if _users(failures) else 0)
    return failures.last + min(FIRST_PAUSE * (1 << min(doublings, 16)), LONGEST_PAUSE)


def _users(failures: Failures) -> bool:
    return failures.termination is not None and failures.termination.kind is Fault.USER
