"""How models are trained: size, optimizer, admission and eviction of rows, swift updates."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tandem_operator.api.pods import PodTemplate, Resources
from tandem_operator.api.scalars import Duration, Value, Within

Weight = Annotated[float, Field(ge=0, le=1000)]


class OptimizerName(StrEnum):
    """The base optimizer of rows and dense kernels."""

    ADAGRAD = "Adagrad"
    ADAM = "Adam"
    FTRL = "Ftrl"
    SGD = "Sgd"


class OptimizerForm(StrEnum):
    """How the group lasso is applied (E2)."""

    PROX = "Prox"
    DUAL_AVERAGING = "DualAveraging"
    PUBLISHED = "Published"


class Optimizer(Value):
    """The optimizer, and the penalties of embedding rows (E2); all of them 0 is the base optimizer itself."""

    name: OptimizerName = Field(
        default=OptimizerName.ADAGRAD, description="Base optimizer: Adagrad, Adam, Ftrl or Sgd."
    )
    form: OptimizerForm = Field(
        default=OptimizerForm.PROX,
        description="How penalties act on a row. Prox: gradient step, then the exact shrink. DualAveraging: from the "
        "mean of all its gradients; not with Sgd. Published: Yue et al. 2021; not with Sgd. Ftrl has its own.",
    )
    l1: Weight = Field(default=0.0, description="λ1: drives single values of embedding rows to zero.")
    l2: Weight = Field(default=0.0, description="λ2: ridge penalty of embedding rows.")
    l21: Weight = Field(
        default=0.0, description="λ21: drives whole embedding rows to exact zero; these leave. Not with Ftrl."
    )


class AdmissionRule(StrEnum):
    """Which ids get a row (E3)."""

    EVERY = "Every"
    COUNT = "Count"
    POISSON = "Poisson"
    GAMMA_POISSON = "GammaPoisson"


class Admission(Value):
    """Which ids get a row of their own (E3); all others read as zeros."""

    rule: AdmissionRule = Field(
        default=AdmissionRule.EVERY,
        description="Every: each id at once. Count: after `threshold` occurrences. Poisson, GammaPoisson: when it "
        "will probably reach them.",
    )
    threshold: int = Field(
        default=10, ge=1, le=1_000_000, description="Occurrences that make an id worth a row; not read by rule Every."
    )
    horizon: Annotated[Duration, Within("1m", "365d")] = Field(
        default="1d",
        validate_default=True,
        description="Stream time within which Poisson rules expect the occurrences.",
    )


class Eviction(Value):
    """Which rows leave (E6); their removal reaches serving with the next update."""

    ttl: Annotated[Duration, Within("1m", "3650d")] | None = Field(
        default=None,
        description="Rows that no sample touched for this long, in event time, leave; without one, none does.",
    )
    zero_rows: bool = Field(default=True, description="Rows that the group lasso shrank to zero leave.")


class Training(Value):
    """The training Jobs: Model A trains all weights and makes bases, Model B streams the changing groups."""

    workers: int = Field(default=1, ge=1, le=1024, description="Workers per training Job.")
    parameter_servers: int = Field(
        default=0, ge=0, le=1024, description="Parameter servers per training Job; 0 trains in the worker itself."
    )
    batch_size: int = Field(default=512, ge=1, le=1_048_576, description="Samples per step and worker.")
    learning_rate: Annotated[float, Field(gt=0, le=100)] = Field(
        default=0.05, description="Learning rate of rows and dense weights."
    )
    seed: int = Field(
        default=0, ge=0, le=2**31 - 1, description="Seed of all randomness: new rows, initial weights, admission."
    )
    optimizer: Optimizer = Field(
        default=Optimizer(),
        description="The optimizer and its penalties (sparse group lasso); with all penalties 0, the plain optimizer.",
    )
    admission: Admission = Field(
        default=Admission(), description="Which ids get a row of their own; all others read as zeros."
    )
    eviction: Eviction = Field(
        default=Eviction(), description="Which rows leave; their removal reaches serving with the next update."
    )
    resources: Resources = Field(
        default=Resources(requests={"cpu": "500m", "memory": "1Gi"}, limits={"memory": "4Gi"}),
        description="Compute resources of each training container.",
    )
    template: PodTemplate = Field(
        default=PodTemplate(), description="What is added to the training pods; all else about them is Tandem's own."
    )


class Swift(Value):
    """Swift updates: minute-level deltas of the changing groups; Model B publishes, serving applies in place."""

    interval: Annotated[Duration, Within("1s", "1h")] = Field(
        default="1m",
        validate_default=True,
        description="Time from one update to the next; freshness cannot be better than this.",
    )
    keyframe_every: int = Field(
        default=60,
        ge=1,
        le=10_000,
        description="Each such update is a keyframe, complete in itself: new pods begin there, and a corrupt update "
        "is healed by it.",
    )
