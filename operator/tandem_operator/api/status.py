"""What a user is told: `status` of an OnlineModel. A mirror for people and machines, never a memory."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from tandem_operator.api.names import Role
from tandem_operator.api.scalars import Time, Value
from tandem_operator.api.schedule import Mode

NOTHING_ROLLS: Final = "\N{EN DASH}"
"""What `status.rollout.summary` says between rollouts."""

Base = Annotated[int, Field(ge=0, le=999_999_999)]
Slot = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Phase(StrEnum):
    """A summary for the column; machines read the conditions."""

    PENDING = "Pending"
    BOOTSTRAPPING = "Bootstrapping"
    STREAMING = "Streaming"
    VERIFYING = "Verifying"
    ROLLING_OUT = "RollingOut"
    REFUSED = "Refused"
    PROMOTED = "Promoted"
    SUSPENDED = "Suspended"
    STALLED = "Stalled"
    DELETING = "Deleting"


class CycleState(StrEnum):
    """The states of the cycle; ``cycle.py`` has the table of what leads from one to another."""

    BOOTSTRAPPING = "Bootstrapping"
    STREAMING = "Streaming"
    VERIFYING = "Verifying"
    ROLLING_OUT = "RollingOut"
    REFUSED = "Refused"
    PROMOTED = "Promoted"


class JobState(StrEnum):
    """What a training Job is doing."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    BACKING_OFF = "BackingOff"


class Condition(Value):
    """One thing that holds, does not hold, or is not known."""

    type: str = Field(max_length=316, description="What it is about, as Available.")
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: str = Field(
        max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", description="Why, in one word."
    )
    message: str = Field(default="", max_length=32768, description="Why, in a sentence, with what to do about it.")
    last_transition_time: Time = Field(description="When the status last changed.")
    observed_generation: int | None = Field(
        default=None, ge=0, description="The generation of the spec that this is about."
    )


class LineageStatus(Value):
    """A base and how far its updates have come."""

    base: Base = Field(description="Number of the base.")
    update: Slot | None = Field(default=None, description="Number of the last update that counts.")
    watermark: Time | None = Field(default=None, description="Event time up to which samples are in it.")


class Lineages(Value):
    """The lineages that matter now."""

    serving: LineageStatus | None = Field(default=None, description="What the slowest live pod answers from.")
    candidate: LineageStatus | None = Field(default=None, description="The base that is verified or rolled out.")
    restored_from: Base | None = Field(default=None, description="The base that the current run of Model A began at.")


class Freshness(Value):
    """Age of what is known: now minus the watermark of the answering weights."""

    seconds: Count = Field(description="At the last look; the column FRESH counts on from the watermark.")
    target: Count = Field(description="monitoring.freshnessTarget, in seconds.")


class CycleStatus(Value):
    """Where the cycle stands."""

    state: CycleState = Field(description="State of the cycle.")
    since: Time | None = Field(default=None, description="When it entered that state.")
    next_swap: Time | None = Field(default=None, description="When the next base is due.")
    progress_percentage: Annotated[int, Field(ge=0, le=100)] | None = Field(
        default=None, description="How much of the way there is gone."
    )


class GateStatus(Value):
    """One gate and what it says."""

    name: str = Field(max_length=64, description="The gate, as auc.ctr.")
    state: Literal["Waiting", "Passed", "Failed"] = Field(description="Waiting for enough samples, Passed or Failed.")
    message: str = Field(default="", max_length=1024, description="The numbers compared.")


class RolloutStatus(Value):
    """Where the rollout stands."""

    summary: str = Field(
        default=NOTHING_ROLLS, max_length=32, description="For the column: step/steps, or a dash between rollouts."
    )
    step: int | None = Field(default=None, ge=0, description="The step, from 1.")
    of: int | None = Field(default=None, ge=0, description="Steps in all; the last is all pods.")
    pods_on_candidate: Count | None = Field(default=None, description="Live pods that answer from the candidate.")
    gates: tuple[GateStatus, ...] = Field(default=(), description="What the gates say.")


class RefusedBase(Value):
    """A base that was not taken."""

    base: Base = Field(description="Its number; it is never used again.")
    reason: str = Field(max_length=4096, description="Why it was refused.")


class RefusedUpdate(Value):
    """A record that pods would not apply."""

    record: str = Field(max_length=253, description="The record, as updates/17/204.")
    reason: str = Field(max_length=4096, description="What is wrong with it.")
    pods: Count = Field(default=0, description="Pods that refused it.")
    at: Time | None = Field(default=None, description="When the first of them did.")


class JobStatus(Value):
    """A training Job."""

    name: str = Field(max_length=253, description="Name of the Job.")
    role: Role = Field(description="a makes a base, b publishes updates.")
    number: Base = Field(description="The base that it makes (a), or the lineage that it feeds (b).")
    state: JobState = Field(description="What it is doing.")
    since: Time | None = Field(default=None, description="When it began to.")
    failures: Count = Field(default=0, description="Times in a row that it failed and was made anew.")
    message: str | None = Field(default=None, max_length=4096, description="What it said when it last failed.")


class StreamStatus(Value):
    """Counters of a stream in the current lineage."""

    name: str = Field(max_length=63, description="Name of the stream.")
    read: Count = Field(default=0, description="Records read.")
    trained: Count = Field(default=0, description="Samples trained.")
    quarantined: dict[str, Count] = Field(
        default={}, description="Records set aside, by reason; they lie under quarantine/ in the store."
    )


class ServingStatus(Value):
    """The serving pods."""

    replicas: Count = Field(default=0, description="Pods that shall be.")
    ready: Count = Field(default=0, description="Pods that are ready.")
    answering: Count = Field(default=0, description="Pods that answer from some base.")


class OwnerStatus(Value):
    """Whose the store's contents are."""

    cluster: str = Field(max_length=253, description="The cluster: uid of its kube-system namespace.")
    resource: str = Field(max_length=253, description="Uid of the OnlineModel.")


class Status(Value):
    """What is true of one model now; may be deleted, the operator writes it anew."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="The generation of the spec that this is about."
    )
    phase: Phase = Field(default=Phase.PENDING, description="A summary for people.")
    mode: Mode | None = Field(default=None, description="The mode that holds now, promotion windows considered.")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="What holds: Available, Progressing, Reconciling, Stalled, UpdatesFresh, SpecPending, "
        "SpecSupported, …",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    lineage: Lineages | None = Field(default=None, description="Bases and updates.")
    freshness: Freshness | None = Field(default=None, description="Age of what is known.")
    cycle: CycleStatus | None = Field(default=None, description="Where the cycle stands.")
    rollout: RolloutStatus | None = Field(default=None, description="Where the rollout stands.")
    serving: ServingStatus | None = Field(default=None, description="The serving pods.")
    refused: tuple[RefusedBase, ...] = Field(default=(), description="Bases that were not taken, and why.")
    refused_updates: tuple[RefusedUpdate, ...] = Field(
        default=(), description="Updates that pods would not apply, and why."
    )
    jobs: tuple[JobStatus, ...] = Field(default=(), description="Training Jobs.")
    streams: tuple[StreamStatus, ...] = Field(default=(), description="Counters of the streams.")
    owner: OwnerStatus | None = Field(default=None, description="Whose the store's contents are.")
