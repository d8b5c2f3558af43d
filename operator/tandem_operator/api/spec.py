"""What a user asks for: `spec` of an OnlineModel."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from tandem_operator.api.scalars import Value, rules
from tandem_operator.api.schedule import Daily, Mode, Promotion, effective_mode
from tandem_operator.api.serving import Export, Monitoring, Rollout, Serving
from tandem_operator.api.source import Bootstrap, ModelSource, Store, Stream, Weights
from tandem_operator.api.training import Swift, Training


class Spec(Value):
    """One model that learns and serves without a stop; everything but model, streams and store has a default."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("size(self.streams) > 0", "streams: give at least one, with its task and its kafka or segments source"),
            (
                "self.streams.all(a, self.streams.exists_one(b, a.task == b.task))",
                "streams: one per task; join the samples of a task in one topic or prefix",
            ),
            (
                "self.promotion.swapEvery > self.swift.interval",
                "promotion.swapEvery must be longer than swift.interval: lengthen the one or shorten the other",
            ),
        )
    )

    mode: Mode = Field(
        default=Mode.DAILY,
        description="Daily: one full base per day. Promotion: one every promotion.swapEvery. May change at any time; "
        "serving goes on.",
    )
    suspend: bool = Field(default=False, description="Trainers end gracefully, a rollout finishes, serving goes on.")
    model: ModelSource
    weights: Weights = Field(default=Weights())
    streams: Annotated[tuple[Stream, ...], Field(max_length=8)] = Field(
        description="Labelled samples, one stream per task.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    store: Store
    bootstrap: Bootstrap = Field(default=Bootstrap())
    training: Training = Field(default=Training())
    swift: Swift = Field(default=Swift())
    daily: Daily = Field(default=Daily())
    promotion: Promotion = Field(default=Promotion())
    serving: Serving = Field(default=Serving())
    export: Export = Field(default=Export())
    rollout: Rollout = Field(default=Rollout())
    monitoring: Monitoring = Field(default=Monitoring())

    @model_validator(mode="after")
    def _some_stream(self) -> "Spec":
        if not self.streams:
            raise ValueError("streams: give at least one, with its task and its kafka or segments source")
        return self

    def mode_at(self, now: datetime) -> Mode:
        """Return the mode that holds at `now`, promotion windows considered."""
        return effective_mode(self.mode, self.promotion.windows, now)
