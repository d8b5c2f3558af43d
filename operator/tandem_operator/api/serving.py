"""How models are served, exported, rolled out and watched."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from tandem_operator.api.pods import Labels, PodTemplate, Resources
from tandem_operator.api.scalars import Duration, Image, Limit, PodShare, Value, Within, rules

BatchSize = Annotated[int, Field(ge=1, le=8_192)]


class CudaGraph(Value):
    """CUDA Graph over the whole dense computation (S4)."""

    enabled: bool = Field(
        default=True, description="Capture and replay; false runs kernel by kernel, to compare or to find a fault."
    )
    batch_sizes: Annotated[tuple[BatchSize, ...], Field(min_length=1, max_length=32)] = Field(
        default=(1, 8, 64, 256),
        description="Batch sizes to capture; a request is padded to the next one. Each is warmed before a version "
        "takes traffic.",
    )
    exclude: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=128)], ...], Field(max_length=64)] = Field(
        default=(), description="Names of graph nodes, or of operations, that are not captured; they run outside."
    )


class Gpu(Value):
    """GPUs of a serving pod."""

    count: int = Field(default=1, ge=1, le=16, description="GPUs per pod (nvidia.com/gpu).")
    cuda_graph: CudaGraph = Field(default=CudaGraph(), description="CUDA Graph over the whole dense computation.")


class CallGraph(Value):
    """When results that hang on weights only are taken anew (S2)."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.countInterval) || has(self.timeInterval)", "give countInterval, timeInterval or both")
        )
    )

    count_interval: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="They serve this many batches; without it, batches do not count.",
    )
    time_interval: Annotated[Duration, Within("1s", "7d")] | None = Field(
        default=None, description="They serve for less than this; without it, time does not count."
    )

    @model_validator(mode="after")
    def _some_interval(self) -> "CallGraph":
        if self.count_interval is None and self.time_interval is None:
            raise ValueError("give countInterval, timeInterval or both")
        return self


class Serving(Value):
    """The pods that answer: TensorFlow Serving's gRPC and REST interfaces at the Service NAME-serving."""

    replicas: int = Field(
        default=1, ge=0, le=10_000, description="Number of serving pods; 0 serves nothing, and a candidate waits."
    )
    image: Image | None = Field(
        default=None, description="Your own serving image; without one, the operator's default is used."
    )
    gpu: Gpu | None = Field(default=None, description="Serve on GPUs; without it, on CPUs.")
    call_graph: CallGraph | None = Field(
        default=None,
        description="Take results that hang on weights only anew at intervals, as the article's CallGraph operation "
        "does. Answers then mix new weights with older results, whatever version they name, and run slower; without "
        "it they are computed once per version and published with it. For comparisons.",
    )
    resources: Resources = Field(
        default=Resources(requests={"cpu": "250m", "memory": "512Mi"}, limits={"memory": "2Gi"}),
        description="Compute resources of the serving container; GPUs are added by `gpu`.",
    )
    template: PodTemplate = Field(
        default=PodTemplate(), description="What is added to the serving pods; all else about them is Tandem's own."
    )


class Quantize(StrEnum):
    """How rows are rounded in the export."""

    NONE = "None"
    BFLOAT16 = "BFloat16"
    INT8 = "Int8"


class Compression(Value):
    """What makes a base's export smaller than its training form (E4)."""

    drop_zero_rows: bool = Field(
        default=True, description="Rows that are exactly zero are left out; an absent row reads as zeros."
    )
    quantize: Quantize = Field(default=Quantize.NONE, description="Rounding of rows: None keeps float32.")


class Export(Value):
    """The form in which a base reaches serving."""

    compression: Compression = Field(
        default=Compression(), description="What makes the export smaller than the training form."
    )


class RolloutStep(Value):
    """One step of a rollout."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "type(self.pods) == int ? self.pods >= 1 : self.pods.matches('^([1-9][0-9]?|100)%$')",
                "pods is a number of pods, 1 or more, or a percentage from 1% to 100%",
            )
        )
    )

    pods: PodShare = Field(
        description="Pods on the candidate in this step: a number, or a percentage of the replicas, rounded up."
    )
    hold: Annotated[Duration, Within("0s", "1d")] = Field(
        default="1m",
        validate_default=True,
        description="How long all of them must answer and the gates hold before the next step.",
    )


class DropGate(Value):
    """A limit on how much a measure may fall."""

    max_drop: Limit = Field(
        default="0.002",
        validate_default=True,
        description='Greatest fall against the base in service, as "0.002" or 1%.',
    )


class RiseGate(Value):
    """A limit on how much a measure may rise."""

    max_rise: Limit = Field(
        default="20%", validate_default=True, description='Greatest rise against the base in service, as 20% or "0.01".'
    )


class DriftGate(Value):
    """A limit on how far the mean prediction may be from the mean label."""

    max_drift: Limit = Field(
        default="10%", validate_default=True, description="Greatest |mean prediction / mean label - 1|, as 10%."
    )


class Gates(Value):
    """Checks that a candidate must pass, beside the export's own; a gate that is not named is not asked."""

    auc: DropGate | None = Field(
        default=None, description="AUC of progressive evaluation, per task, against the base in service."
    )
    calibration: DriftGate | None = Field(default=None, description="Mean prediction against mean label, per task.")
    latency_p99: RiseGate | None = Field(
        default=None,
        validation_alias="latencyP99",
        serialization_alias="latencyP99",
        description="99th percentile of the answering time against pods on the base in service.",
    )


class Rollout(Value):
    """How a candidate reaches the pods, and how one is held or taken back."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.steps) || self.steps.all(s, s.hold < self.progressDeadline)",
                "progressDeadline must be longer than every step's hold",
            ),
        )
    )

    paused: bool = Field(
        default=False, description="Hold the rollout at its step, and start none; training and updates go on."
    )
    base: int | None = Field(
        default=None,
        ge=0,
        le=999_999_999,
        description="Serve this retained base, and no newer one: a roll-back, or a pin. Without it, the newest that "
        "passes.",
    )
    steps: Annotated[tuple[RolloutStep, ...], Field(max_length=16)] = Field(
        default=(), description="Steps before the last, which is always all pods; without any, all pods at once."
    )
    gates: Gates = Field(default=Gates(), description="Checks that a candidate must pass.")
    progress_deadline: Annotated[Duration, Within("5s", "7d")] = Field(
        default="30m", validate_default=True, description="A step without progress for this long refuses the candidate."
    )
    max_refusals: int = Field(
        default=3,
        ge=1,
        le=100,
        description="After so many refused bases in a row the next run begins at the base in service, instead of at "
        "the refused one.",
    )

    @model_validator(mode="after")
    def _steps_grow(self) -> "Rollout":
        # Not as a CEL rule: the API server cannot bound what it costs to read numbers out of strings.
        percents = [step.pods.percent for step in self.steps if step.pods.percent is not None]
        if percents != sorted(percents):
            raise ValueError("steps must grow: write percentages in ascending order")
        return self


class Alerts(Value):
    """Alerting rules for Prometheus."""

    enabled: bool = Field(default=False, description="Write alerting rules for this model.")
    labels: Labels = Field(default={}, description="Labels of the alerts, as {team: search, severity: page}.")


class Monitoring(Value):
    """What is measured, and how old the answering weights may be."""

    freshness_target: Annotated[Duration, Within("1s", "7d")] = Field(
        default="2m",
        validate_default=True,
        description="From event time to the weights that answer; beyond it, the condition UpdatesFresh is False.",
    )
    window: Annotated[Duration, Within("1s", "7d")] = Field(
        default="30m", validate_default=True, description="Event-time window of online AUC, loss and calibration."
    )
    alerts: Alerts = Field(default=Alerts(), description="Alerting rules.")
