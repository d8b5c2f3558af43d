"""What pods and ended programs tell the operator."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self

from tandem_wire.codec import JsonValue
from tandem_wire.errors import WireError


class CandidateState(StrEnum):
    """How far a pod is with the candidate base."""

    LOADING = "Loading"
    WARM = "Warm"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class ServingReport(JsonValue):
    """What a pod answers from, its watermark, and since when."""

    base: int
    update: int
    watermark: datetime | None
    since: datetime


@dataclass(frozen=True, slots=True)
class LoadedReport(JsonValue):
    """A version that a pod holds in memory."""

    base: int
    update: int


@dataclass(frozen=True, slots=True)
class CandidateReport(JsonValue):
    """The candidate as this pod sees it; ``reason`` is empty unless it failed."""

    base: int
    state: CandidateState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Refusal(JsonValue):
    """A record that a pod refused, as ``updates/17/204``."""

    record: str
    reason: str
    at: datetime


class GraphState(StrEnum):
    """What became of a pod's CUDA graph."""

    OFF = "Off"
    ON = "On"
    UNAVAILABLE = "Unavailable"
    FALLBACK = "Fallback"


@dataclass(frozen=True, slots=True)
class GraphReport(JsonValue):
    """Whether a pod computes by captured graphs (S4); ``reason`` is empty where it does, or was not asked to."""

    state: GraphState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodReport(JsonValue):
    """``/statusz.json`` of a serving pod; ``graph`` is None when the pod does not say."""

    FORMAT: ClassVar[str] = "tandem.report/1"

    model: str
    pod: str
    ready: bool
    serving: ServingReport | None
    loaded: tuple[LoadedReport, ...]
    candidate: CandidateReport | None
    target: int | None
    refused: tuple[Refusal, ...]
    store_seen_at: datetime | None
    answers: int
    errors: int
    graph: GraphReport | None = None


class Fault(StrEnum):
    """Whose error ended a program."""

    USER = "User"
    WORLD = "World"


@dataclass(frozen=True, slots=True)
class Termination(JsonValue):
    """Why a program ended, in ``/dev/termination-log``."""

    FORMAT: ClassVar[str] = "tandem.termination/1"
    PATH: ClassVar[str] = "/dev/termination-log"

    kind: Fault
    reason: str
    message: str

    @property
    def exit_code(self) -> int:
        """1 when trying again may help, 2 when the user must change something."""
        return 1 if self.kind is Fault.WORLD else 2

    @classmethod
    def of(cls, error: WireError) -> Self:
        """Describe an error of the store."""
        return cls(Fault(error.fault), error.reason, str(error))
