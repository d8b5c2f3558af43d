"""What a plan may ask for: values, carried out by ``apply`` (the cluster) and ``target_store`` (the store)."""

from dataclasses import dataclass
from enum import StrEnum

from tandem_wire.target import Target

from tandem_operator.children import Child


class Severity(StrEnum):
    """How an event is shown."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """Write target.json if it still has this ETag (None: if there is none)."""

    target: Target
    etag: str | None
    event: str
    why: str


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply: creates, repairs and upgrades in one."""

    child: Child


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create a Job; one of that name that exists already is an answer too: observe again."""

    child: Child
    why: str


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete the Job with exactly this uid, its pod first: it ends gracefully, then the name is free."""

    name: str
    uid: str
    why: str
    heals: tuple[int, int] | None = None
    """The slot (lineage, n) for whose sake Model B is made anew."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Show an event, once per object, reason and message."""

    severity: Severity
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class SetFinalizer:
    """Put or remove the finalizer that holds the resource until its part of the store is deleted."""

    present: bool


@dataclass(frozen=True, slots=True)
class PurgeStore:
    """Delete everything of this model in the store."""


@dataclass(frozen=True, slots=True)
class Retain:
    """Let go of what nobody needs any more: retire manifests, delete their data."""

    needed: frozenset[int]
    """Bases that the cycle, pods or a run need, whatever their age."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Delete data that no manifest names: what writers left behind that died before their manifest."""


Action = WriteTarget | Apply | CreateJob | DeleteJob | Tell | SetFinalizer | PurgeStore | Retain | Sweep
