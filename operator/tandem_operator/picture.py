"""What conditions and status are made from: one value with everything that is known at one instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem_wire.report import Fault

from tandem_operator.api import OnlineModel, Reason, Role
from tandem_operator.children import job_name
from tandem_operator.facts import Situation, slowest
from tandem_operator.observed import Failures, JobPhase, JobView, Observed, PodView, StoreFault

PATIENCE = timedelta(seconds=30)
"""How long a child may wait for a node or an image before a person is told."""

PROVED = timedelta(seconds=30)
"""A Job that has run this long after a failure does no longer stand for it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a person must change: a reason and a sentence that says what to do."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One instant of one model. ``situation`` is None when the store could not be read or is not ours."""

    model: OnlineModel
    seen: Observed
    now: datetime
    situation: Situation | None = None
    refused: tuple[Reason, str] | None = None
    """Why nothing may be written to the store."""
    acting: bool = False
    """Whether the plan changes anything."""

    @property
    def fault(self) -> StoreFault | None:
        """The store's fault, if it could not be read."""
        return self.seen.store if isinstance(self.seen.store, StoreFault) else None

    @property
    def answering(self) -> tuple[PodView, ...]:
        """The pods that are ready and may be answering."""
        return tuple(pod for pod in self.seen.pods if pod.ready and pod.live)

    @property
    def newest_pods(self) -> tuple[PodView, ...]:
        """The serving pods of the newest template: what keeps others from starting may be mended already."""
        dated = [pod for pod in self.seen.pods if pod.created is not None]
        newest = max(dated, key=lambda pod: (pod.created, pod.name), default=None)
        return tuple(pod for pod in self.seen.pods if newest is None or pod.template == newest.template)

    @property
    def oldest(self) -> PodView | None:
        """The live pod whose watermark is the oldest."""
        return slowest(self.seen.pods)

    @property
    def freshness(self) -> timedelta | None:
        """Now minus the oldest watermark that a pod answers from; None while no pod reports one."""
        pod = self.oldest
        serving = pod.report.serving if pod is not None and pod.report is not None else None
        return None if serving is None or serving.watermark is None else max(self.now - serving.watermark, timedelta())


def failing(picture: Picture, job: JobView | None, name: str) -> Failures | None:
    """Give the failure of a trainer that has not been made good yet."""
    failures = picture.seen.memory.failures.get(name)
    if failures is None or failures.phase is not JobPhase.FAILED:
        return None
    if job is not None and job.uid != failures.uid and job.started is not None and picture.now - job.started > PROVED:
        return None
    return failures


def trouble(picture: Picture) -> Trouble | None:
    """Give the first thing that only a person can mend."""
    if picture.refused is not None:
        return Trouble(picture.refused[0].value, picture.refused[1])
    if picture.fault is not None:
        return Trouble(picture.fault.reason, picture.fault.message) if picture.fault.users else None
    return _spec_trouble(picture) or _cluster_trouble(picture) or _trainer_trouble(picture) or _pod_trouble(picture)


def _spec_trouble(picture: Picture) -> Trouble | None:
    spec = picture.model.spec
    base, situation = spec.rollout.base, picture.situation
    if situation is None:
        return None
    if base is not None and base not in situation.facts.usable and situation.target.stable is not None:
        kept = ", ".join(map(str, sorted(situation.facts.usable))) or "none"
        message = f"spec.rollout.base: base {base} is not in the store. Choose one of: {kept}; or remove the field."
        return Trouble(Reason.NO_SUCH_BASE.value, message)
    if situation.target.stable is None and spec.bootstrap.source is not None:
        message = "spec.bootstrap.from: the first base cannot be copied yet. Remove it to train one from the streams."
        return Trouble(Reason.NOT_SUPPORTED_YET.value, message)
    return None


def _cluster_trouble(picture: Picture) -> Trouble | None:
    refusal = picture.seen.memory.refusal
    if refusal is None:
        return None
    remedy = "Grant the operator that right, make room in the quota, or correct the field that it names."
    return Trouble(Reason.CLUSTER_REFUSED.value, f"The API server refused a change: {refusal}. {remedy}")


def _trainer_trouble(picture: Picture) -> Trouble | None:
    there = {job.name: job for job in picture.seen.jobs}
    for name in sorted({*there, *_wanted_names(picture)}):
        failures = failing(picture, there.get(name), name)
        ended = failures.termination if failures is not None else None
        if ended is not None and ended.kind is Fault.USER:
            return Trouble(ended.reason, ended.message)
    return _waits(picture, picture.seen.jobs)


def _wanted_names(picture: Picture) -> set[str]:
    """Name the Jobs that the cycle needs now, whether they are there or between two tries."""
    situation = picture.situation
    if situation is None:
        return set()
    lineages = {situation.target.stable, situation.target.candidate} - {None}
    names = {job_name(picture.model, Role.B, number) for number in lineages if number is not None}
    return names | ({job_name(picture.model, Role.A, situation.run.makes)} if situation.run is not None else set())


def _pod_trouble(picture: Picture) -> Trouble | None:
    pods = picture.newest_pods
    ended = [pod.termination for pod in pods if pod.termination is not None]
    users = next((one for one in ended if one.kind is Fault.USER), None)
    return Trouble(users.reason, users.message) if users is not None else _waits(picture, pods)


def _waits(picture: Picture, children: Sequence[JobView | PodView]) -> Trouble | None:
    """Give what keeps a child from starting.

    At once where a person must have erred, else only after a while: nodes and images come.
    """
    for child in children:
        said = child.waiting
        patient = child.created is not None and picture.now - child.created < PATIENCE
        if said is not None and (not patient or said.startswith("CreateContainerConfigError")):
            return _waiting(child.name, said)
    return None


def _waiting(name: str, said: str) -> Trouble:
    reason = Reason.UNSCHEDULABLE
    if "Image" in said.partition(":")[0]:
        reason = Reason.IMAGE_UNAVAILABLE
    elif "secret" in said:
        reason = Reason.MISSING_SECRET
    return Trouble(reason.value, f"{name} cannot start: {said}")
