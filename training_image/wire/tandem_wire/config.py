"""What the operator tells its children: how a trainer and a server are configured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from tandem_wire.codec import JsonValue
from tandem_wire.errors import InvalidValue
from tandem_wire.model import TableSpec

_MOST = 1_000_000_000  # calls or seconds of an interval


class Role(StrEnum):
    """Model A makes bases, Model B makes swift updates."""

    A = "A"
    B = "B"


class StartAt(StrEnum):
    """Where a stream begins for a model that has no position yet."""

    EARLIEST = "Earliest"
    LATEST = "Latest"


@dataclass(frozen=True, slots=True)
class StoreConfig(JsonValue):
    """Where an object store is: ``s3://bucket/prefix`` with its endpoint, or ``file:///directory``.

    The keys of S3 come from the AWS_* variables or the pod's own identity, never from here.
    """

    url: str
    endpoint: str | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        if not self.url.startswith(("s3://", "file:///")):
            raise InvalidValue("url", f"{self.url!r} must be s3://bucket/prefix or file:///directory")


@dataclass(frozen=True, slots=True)
class KafkaConfig(JsonValue):
    """A topic whose records are samples."""

    bootstrap_servers: str
    topic: str
    start_at: StartAt = StartAt.EARLIEST


@dataclass(frozen=True, slots=True)
class SegmentsConfig(JsonValue):
    """A prefix of TFRecord files, read in the order of their names."""

    url: str
    endpoint: str | None = None
    region: str | None = None
    start_at: StartAt = StartAt.EARLIEST

    @property
    def store(self) -> StoreConfig:
        """The prefix as a store of its own."""
        return StoreConfig(self.url, self.endpoint, self.region)


@dataclass(frozen=True, slots=True)
class StreamConfig(JsonValue):
    """One task's samples; exactly one of ``kafka`` and ``segments``. Durations in seconds."""

    name: str
    task: str
    kafka: KafkaConfig | None = None
    segments: SegmentsConfig | None = None
    max_out_of_order_seconds: float = 10.0
    max_future_skew_seconds: float = 300.0
    idle_after_seconds: float = 60.0

    def __post_init__(self) -> None:
        if (self.kafka is None) == (self.segments is None):
            raise InvalidValue("", f"stream {self.name!r} must have exactly one of kafka and segments")


@dataclass(frozen=True, slots=True)
class OptimizerConfig(JsonValue):
    """An optimizer by name and its own parameters, which the trainer checks."""

    name: str = "Adagrad"
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingConfig(JsonValue):
    """How a model is trained; ``admission`` and ``eviction`` are passed on to the tables as they are.

    ``max_steps`` ends a run after so many steps (None: never), for experiments.
    """

    batch_size: int = 256
    learning_rate: float = 0.05
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    seed: int = 0
    max_steps: int | None = None
    admission: Mapping[str, object] = field(default_factory=dict)
    eviction: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise InvalidValue("batchSize", f"{self.batch_size} must be at least 1")
        if self.learning_rate <= 0:
            raise InvalidValue("learningRate", f"{self.learning_rate} must be above 0")


@dataclass(frozen=True, slots=True)
class SwiftConfig(JsonValue):
    """How often B publishes, and every how many slots a record is a keyframe."""

    interval_seconds: float = 60.0
    keyframe_every: int = 60

    def __post_init__(self) -> None:
        if self.interval_seconds <= 0:
            raise InvalidValue("intervalSeconds", f"{self.interval_seconds} must be above 0")
        if self.keyframe_every < 1:
            raise InvalidValue("keyframeEvery", f"{self.keyframe_every} must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerConfig(JsonValue):
    """A trainer's Job, in the environment variable ``TANDEM_TRAINER``.

    ``number`` is the base that A makes, or the lineage that B feeds; ``parent`` and ``due`` are A's. A with ``parent``
    None is the bootstrap. ``store.url`` is this model's own prefix.
    """

    VARIABLE: ClassVar[str] = "TANDEM_TRAINER"

    role: Role
    model: str
    number: int
    parent: int | None = None
    due: datetime | None = None
    store: StoreConfig
    entrypoint: str
    config: Mapping[str, object] = field(default_factory=dict)
    freezing: tuple[str, ...] = ()
    streams: tuple[StreamConfig, ...]
    training: TrainingConfig = field(default_factory=TrainingConfig)
    swift: SwiftConfig = field(default_factory=SwiftConfig)
    window_seconds: float = 1800.0
    metrics_port: int = 9090

    def __post_init__(self) -> None:
        _check_model(self.model)
        if self.number < 0:
            raise InvalidValue("number", f"{self.number} must not be negative")
        if self.role is Role.B and (self.parent is not None or self.due is not None):
            raise InvalidValue("parent", "parent and due belong to role A only")
        if not self.streams:
            raise InvalidValue("streams", "must name at least one stream")
        if len({s.name for s in self.streams}) != len(self.streams):
            raise InvalidValue("streams", "every stream must have a name of its own")


@dataclass(frozen=True, slots=True)
class CallGraphConfig(JsonValue):
    """When results of what hangs on weights only are taken again (S2), instead of with each version.

    ``count_interval``: they serve this many calls, the one that took them among them; 0: any number.
    ``time_interval_seconds``: they serve for less than this; 0: any time. They are too old when either says so.
    """

    count_interval: int = 0
    time_interval_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.count_interval <= _MOST:
            raise InvalidValue("countInterval", f"{self.count_interval} must be 0 (not by calls) to {_MOST}")
        if not 0 <= self.time_interval_seconds <= _MOST:
            raise InvalidValue(
                "timeIntervalSeconds", f"{self.time_interval_seconds} must be 0 (not by time) to {_MOST} seconds"
            )
        if not self.count_interval and not self.time_interval_seconds:
            raise InvalidValue(
                "countInterval", "or timeIntervalSeconds must be above 0; leave both out for each version"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig(JsonValue):
    """A serving pod, in the environment variable ``TANDEM_SERVER``; its own name is in ``POD_NAME``."""

    VARIABLE: ClassVar[str] = "TANDEM_SERVER"

    model: str
    served_name: str
    store: StoreConfig
    poll_seconds: float = 1.0
    grpc_port: int = 8500
    rest_port: int = 8501
    status_port: int = 8080
    batch_sizes: tuple[int, ...] = ()
    exclude_ops: tuple[str, ...] = ()
    cuda_graph: bool = False
    call_graph: CallGraphConfig | None = None

    def __post_init__(self) -> None:
        _check_model(self.model)
        if self.poll_seconds <= 0:
            raise InvalidValue("pollSeconds", f"{self.poll_seconds} must be above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract(JsonValue):
    """What a base was made from; Model B of its lineage is rendered from it."""

    entrypoint: str
    config: Mapping[str, object] = field(default_factory=dict)
    freezing: tuple[str, ...] = ()
    streams: tuple[StreamConfig, ...]
    tables: tuple[TableSpec, ...] = ()
    training: TrainingConfig = field(default_factory=TrainingConfig)


def _check_model(model: str) -> None:
    namespace, slash, name = model.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise InvalidValue("model", f"{model!r} must be namespace/name")
