"""What the cluster, the store and the pods say at one instant: values only, made by ``observe``, judged by ``plan``.

Nothing here is remembered from one reconcile to the next, except :class:`Memory`, which may be lost at any time and
then only makes the operator less patient (back-off starts anew) or more careful (deadlines start anew).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tandem_wire.records import Counters, Window
from tandem_wire.report import PodReport, Termination
from tandem_wire.target import Target

from tandem_operator.api import Role


class JobPhase(StrEnum):
    """How far a Job is; a Job that waits for a node or an image is Active."""

    ACTIVE = "Active"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class BaseView:
    """A base in the store, as far as the operator looks at it.

    The manifest, and whether its objects have the sizes it names.
    """

    number: int
    digest: str = ""
    parent: int | None = None
    due: datetime | None = None
    created: datetime | None = None
    watermark: datetime | None = None
    windows: tuple[Window, ...] = ()
    contract: Mapping[str, object] | None = None
    counters: Mapping[str, Counters] = field(default_factory=dict)
    retired: bool = False
    fault: str | None = None
    """Why this base must not be served: its manifest cannot be read, or an object is missing or of another size."""
    checked: bool = False
    """Whether the sizes of its objects were compared with the manifest.

    Done for a base that is about to be rolled out.
    """

    @property
    def usable(self) -> bool:
        """Whether a pod could load it, as far as the manifest tells."""
        return not self.retired and self.fault is None


@dataclass(frozen=True, slots=True)
class LogView:
    """The tail of a log: its last slot, its last record that readers apply, and what the newest records tell."""

    number: int
    last: int = 0
    update: int = 0
    claimed: datetime | None = None
    """When the newest writer won its barrier: from then on it restores and trains."""
    watermark: datetime | None = None
    windows: tuple[Window, ...] = ()
    counters: Mapping[str, Counters] = field(default_factory=dict)
    voids: tuple[tuple[int, int], ...] = ()
    """(slot of a keyframe, first slot that it voids)."""

    def healed(self, slot: int) -> bool:
        """Whether a later keyframe lets readers pass over ``slot``."""
        return any(first <= slot < keyframe for keyframe, first in self.voids)


@dataclass(frozen=True, slots=True)
class StoreView:
    """The model's part of the store. ``target`` is None only when it was looked for and is not there."""

    target: Target | None
    etag: str | None
    bases: Mapping[int, BaseView] = field(default_factory=dict)
    updates: Mapping[int, LogView] = field(default_factory=dict)
    runs: Mapping[int, LogView] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoreFault:
    """The store could not be read: nothing is known about it, and nothing may be concluded."""

    reason: str
    message: str
    users: bool
    """Whether a person must change something (True), or it passes by itself."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A trainer's Job and what its pod says."""

    name: str
    uid: str
    role: Role
    number: int
    fingerprint: str = ""
    phase: JobPhase = JobPhase.ACTIVE
    deleting: bool = False
    created: datetime | None = None
    started: datetime | None = None
    """When its container began to run; None until then."""
    finished: datetime | None = None
    termination: Termination | None = None
    waiting: str | None = None
    """Why its container does not start, in the words of the kubelet or the scheduler."""


@dataclass(frozen=True, slots=True)
class PodView:
    """A serving pod and what it reports. ``report`` is None when it could not be asked."""

    name: str
    uid: str = ""
    address: str | None = None
    ready: bool = False
    deleting: bool = False
    running: bool = False
    created: datetime | None = None
    template: str = ""
    """Hash of the template that it was made from."""
    restarted: datetime | None = None
    """When its container last ended."""
    termination: Termination | None = None
    """How its container last ended, if it ended in failure and is not back yet."""
    waiting: str | None = None
    report: PodReport | None = None

    @property
    def base(self) -> int | None:
        """The base that it answers from; None when it answers from none, or when that is not known."""
        if self.report is None or self.report.serving is None:
            return None
        return self.report.serving.base

    @property
    def live(self) -> bool:
        """Whether it may be answering now.

        It says so, or Kubernetes sends it requests although it could not be asked.
        """
        if self.report is None:
            return self.ready and not self.deleting
        return self.report.serving is not None


@dataclass(frozen=True, slots=True)
class ChildView:
    """A Deployment, a Service: whether it is as it was last applied."""

    kind: str
    name: str
    fingerprint: str
    generation: int
    replicas: int = 0
    updated: int = 0
    available: int = 0
    settled: bool = True
    """Whether its controller has seen its newest generation."""


@dataclass(frozen=True, slots=True)
class Failures:
    """How often a Job of one name ended in failure in a row, and how it ended last."""

    count: int
    last: datetime
    uid: str
    phase: JobPhase = JobPhase.FAILED
    termination: Termination | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What this process remembers of a resource; empty after a restart."""

    watching_since: datetime
    """Since when it has been observed without interruption; deadlines count from here at the earliest."""
    failures: Mapping[str, Failures] = field(default_factory=dict)
    remade: frozenset[tuple[int, int]] = frozenset()
    """Slots (lineage, n) for whose sake Model B was already made anew."""
    applied: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(kind, name) of a child → its generation after this process applied it."""
    retained: datetime | None = None
    """When retention last ran."""
    swept: datetime | None = None
    """When orphaned data were last looked for; when observing began, until they were."""
    refusal: str | None = None
    """What the API server refused at the last look, in its words."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a plan is made from, beside the resource itself and the time."""

    cluster: str
    store: StoreView | StoreFault
    memory: Memory
    jobs: tuple[JobView, ...] = ()
    pods: tuple[PodView, ...] = ()
    children: tuple[ChildView, ...] = ()

    def jobs_of(self, role: Role) -> tuple[JobView, ...]:
        """The Jobs of one role, by number."""
        return tuple(sorted((job for job in self.jobs if job.role is role), key=lambda job: job.number))

    def child(self, kind: str, name: str) -> ChildView | None:
        """The child of that kind and name."""
        return next((child for child in self.children if (child.kind, child.name) == (kind, name)), None)
