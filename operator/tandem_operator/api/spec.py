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
    model: ModelSource = Field(description="The code that builds the model.")
    weights: Weights = Field(default=Weights(), description="Weight groups.")
    streams: Annotated[tuple[Stream, ...], Field(max_length=8)] = Field(
        description="Labelled samples, one stream per task.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    store: Store = Field(description="Object store for bases, updates and positions.")
    bootstrap: Bootstrap = Field(default=Bootstrap(), description="Where the first base comes from.")
    training: Training = Field(default=Training(), description="The training Jobs.")
    swift: Swift = Field(default=Swift(), description="Swift updates.")
    daily: Daily = Field(default=Daily(), description="Daily mode.")
    promotion: Promotion = Field(default=Promotion(), description="Promotion mode.")
    serving: Serving = Field(default=Serving(), description="The serving pods.")
    export: Export = Field(default=Export(), description="The serving form of bases.")
    rollout: Rollout = Field(default=Rollout(), description="How new bases reach the pods.")
    monitoring: Monitoring = Field(default=Monitoring(), description="What is measured.")

    @model_validator(mode="after")
    def _some_stream(self) -> "Spec":
        if not self.streams:
            raise ValueError("streams: give at least one, with its task and its kafka or segments source")
        return self

    def mode_at(self, now: datetime) -> Mode:
        """Return the mode that holds at `now`, promotion windows considered."""
        return effective_mode(self.mode, self.promotion.windows, now)
