"""What a model is made of and from what it learns: model, weight groups, streams, store, bootstrap."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, model_validator

from tandem_operator.api.scalars import NAME_PATTERN, Duration, Identifier, Image, ObjectName, Value, Within, rules

ENDPOINT_PATTERN = r"^https?://[A-Za-z0-9.\[\]:_-]+(/[A-Za-z0-9._~/-]*)?$"
Endpoint = Annotated[str, Field(pattern=ENDPOINT_PATTERN, max_length=253)]
Region = Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=63)]
DEFAULT_REGION = "us-east-1"


class ModelSource(Value):
    """The code that builds the model: your function, in Tandem's training image or one of your own."""

    entrypoint: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$",
        max_length=253,
        description="Python function that builds the model, as package.module:function, in the training image.",
    )
    config: dict[str, JsonValue] = Field(
        default={}, description="Passed to the function as it stands, as {embeddingDim: 16, hidden: [512, 256, 128]}."
    )
    image: Image | None = Field(
        default=None,
        description="Your own training image, made from Tandem's; without one, the operator's default is used.",
    )


class Weights(Value):
    """How weights fall into groups (M1): what is not named here is changing, and travels with every swift update."""

    freezing: Annotated[tuple[Identifier, ...], Field(max_length=256)] = Field(
        default=(),
        description="Tables of huge, sparse, slowly changing ids; they reach serving with a full base only, and "
        "Model B keeps them fixed.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class StartAt(StrEnum):
    """Where a stream is read from when no base holds a position of it."""

    EARLIEST = "Earliest"
    LATEST = "Latest"


class Task(StrEnum):
    """What a stream's labels mean: click-through or conversion."""

    CTR = "ctr"
    CVR = "cvr"


class Kafka(Value):
    """A Kafka topic of tf.train.Example records."""

    bootstrap_servers: str = Field(
        pattern=r"^[A-Za-z0-9.-]+:[0-9]{1,5}(,[A-Za-z0-9.-]+:[0-9]{1,5})*$",
        max_length=1024,
        description="Brokers to begin with, host:port, separated by commas.",
    )
    topic: str = Field(
        pattern=r"^[A-Za-z0-9._-]+$", max_length=249, description="The topic; all of its partitions are read."
    )


class Segments(Value):
    """TFRecord files of tf.train.Example records under a prefix; read in order of names, complete once they appear."""

    prefix: str = Field(
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s]*)?$",
        max_length=1024,
        description="Where the files lie, as s3://samples/orders/. The store's credentials must allow reading here.",
    )
    endpoint: Endpoint | None = Field(default=None, description="S3 endpoint; without one, the store's.")
    region: Region | None = Field(default=None, description="S3 region; without one, the store's.")


class Stream(Value):
    """Labelled samples of one task."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.kafka) != has(self.segments)",
                "a stream has exactly one source: give kafka or segments, not both and not none",
            )
        )
    )

    name: Annotated[str, Field(pattern=NAME_PATTERN, min_length=1, max_length=32)] = Field(
        description="Name of the stream: in positions, counters and metrics. A stream with a new name begins at "
        "startAt."
    )
    task: Task = Field(description="What its labels mean: ctr (click or not) or cvr (conversion or not).")
    kafka: Kafka | None = Field(default=None, description="Read from a Kafka topic.")
    segments: Segments | None = Field(default=None, description="Read from files in an object store.")
    start_at: StartAt = Field(
        default=StartAt.EARLIEST,
        description="Where to begin when no base holds a position of this stream: Earliest or Latest.",
    )
    max_out_of_order: Annotated[Duration, Within("0s", "1d")] = Field(
        default="10s",
        validate_default=True,
        description="How much later than its successors, in event time, a sample may come; the watermark lags by as "
        "much.",
    )
    max_future_skew: Annotated[Duration, Within("0s", "1d")] = Field(
        default="5m",
        validate_default=True,
        description="Samples further ahead of the wall clock than this are quarantined.",
    )
    idle_after: Annotated[Duration, Within("1s", "7d")] = Field(
        default="1m",
        validate_default=True,
        description="A stream without samples for this long no longer holds the watermark back.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Stream":
        if (self.kafka is None) == (self.segments is None):
            raise ValueError("a stream has exactly one source: give kafka or segments, not both and not none")
        return self


class S3(Value):
    """A place in an S3 store."""

    bucket: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        max_length=63,
        description="The bucket; it must exist. Fixed once a base is served.",
    )
    prefix: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$",
        max_length=512,
        description="Folder in the bucket; below it Tandem adds NAMESPACE/NAME. Fixed once a base is served.",
    )
    endpoint: Endpoint | None = Field(
        default=None,
        description="Endpoint of an S3 server, as http://s3:8333; without one, AWS. A host without a dot is a "
        "Service of the model's namespace.",
    )
    region: Region = Field(default=DEFAULT_REGION, description="Region of the bucket.")
    credentials_secret: ObjectName | None = Field(
        default=None,
        description="Secret with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without one, the pods' own "
        "cloud identity "
        "(template.serviceAccountName) is used.",
    )

    def url(self, namespace: str, name: str) -> str:
        """Return where one model lives, as ``s3://bucket/prefix/namespace/name``."""
        return "/".join(part for part in (f"s3://{self.bucket}", self.prefix, namespace, name) if part)


class DeletionPolicy(StrEnum):
    """What becomes of the store's contents when the OnlineModel is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class Retention(Value):
    """What is kept besides what pods, runs and a roll-back still need."""

    bases: int = Field(default=5, ge=1, le=1000, description="So many newest bases are kept, with their updates.")
    age: Annotated[Duration, Within("1h", "3650d")] = Field(
        default="7d", validate_default=True, description="Older bases go, even when there are no more than that."
    )


class Store(Value):
    """The object store: bases, updates and stream positions lie there, and serving reads its weights from there."""

    s3: S3 = Field(description="An S3 store: AWS, or any server that has conditional writes.")
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN,
        description="When the OnlineModel is deleted: Retain what is in the store, or Delete it.",
    )
    retention: Retention = Field(default=Retention(), description="How long old bases are kept.")


class Bootstrap(Value):
    """Where the first base comes from: a training of some minutes on the streams, or an existing base."""

    source: str | None = Field(
        default=None,
        validation_alias="from",
        serialization_alias="from",
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s]+$",
        max_length=1024,
        description="An existing base to begin with, as s3://models/team/other/checkpoints/17; without one, a first "
        "training makes it.",
    )
    duration: Annotated[Duration, Within("1s", "30d")] = Field(
        default="10m",
        validate_default=True,
        description="How long the first training learns from the streams before the first base is cut.",
    )
