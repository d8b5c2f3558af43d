"""Puts a trainer together from its configuration and what was restored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from tandem_wire.config import StreamConfig, TrainerConfig
from tandem_wire.layout import new_uid
from tandem_wire.store import Store, open_store

from tandem_training.checkpoints import Restored
from tandem_training.entrypoint import load_model
from tandem_training.errors import UserError
from tandem_training.evaluation import Evaluation
from tandem_training.examples import Parser
from tandem_training.features import tables_of
from tandem_training.feeds import Feed
from tandem_training.metrics import Metrics
from tandem_training.models.protocol import Model
from tandem_training.optimizers import Optimizers, read_optimizers
from tandem_training.quarantine import Quarantine
from tandem_training.state import ModelState
from tandem_training.step import Steps
from tandem_training.streams.base import Source
from tandem_training.streams.kafka import KafkaSource
from tandem_training.streams.segments import SegmentSource
from tandem_training.trainer import Trainer
from tandem_training.turnover import Sweeper, Turnover, read_turnover

_LOG = structlog.get_logger(__name__)

Sources = Callable[[StreamConfig], Source]


def open_source(config: StreamConfig) -> Source:
    """Open the source of a stream; nothing is read yet."""
    if config.kafka is not None:
        kafka = config.kafka
        return KafkaSource(config.name, kafka.bootstrap_servers, kafka.topic, kafka.start_at.value)
    if config.segments is not None:
        return SegmentSource(config.name, open_store(config.segments.store), config.segments.start_at.value)
    raise UserError("InvalidStream", f'Stream "{config.name}" has neither kafka nor segments. Give it one of them.')


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything that a role needs from outside.

    Attributes:
      config: of this trainer.
      store: of the model.
      metrics: of this process.
      stop: set by SIGTERM.
      uid: of this process as a writer.
      sources: opens streams.
      clock: wall time in seconds since the epoch.
    """

    config: TrainerConfig
    store: Store
    metrics: Metrics = field(default_factory=Metrics)
    stop: threading.Event = field(default_factory=threading.Event)
    uid: str = field(default_factory=new_uid)
    sources: Sources = open_source
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A model, its optimizers and its rows' lives, built from the spec and checked, before anything is read."""

    model: Model
    optimizers: Optimizers
    turnover: Turnover


@dataclass(frozen=True, slots=True)
class Session:
    """A trainer put together: the model's state, its steps, and its feeds, running."""

    model: Model
    state: ModelState
    steps: Steps
    trainer: Trainer
    quarantine: Quarantine

    def close(self) -> None:
        """Stop reading and writing."""
        for feed in self.trainer.feeds:
            feed.stop()
        self.quarantine.stop()


_KEEP_WINDOWS: Final = 24


def draw(config: TrainerConfig) -> Blueprint:
    """Build the model and its optimizers.

    Raises:
      UserError: the entrypoint, the model's config, the optimizer, a rule of rows or a name in ``freezing`` does not
        fit.
    """
    model = load_model(config.entrypoint, config.config, [stream.task for stream in config.streams])
    training = config.training
    optimizers = read_optimizers(training.optimizer.name, training.optimizer.params, training.learning_rate)
    tables = [table.name for table in tables_of(model.features)]
    for name in config.freezing:
        if name not in tables:
            raise UserError(
                "UnknownTable",
                f'spec.weights.freezing names "{name}", but the model has the tables {", ".join(tables) or "none"}. '
                "Correct the name.",
            )
    return Blueprint(model, optimizers, read_turnover(training.admission, training.eviction))


def assemble(
    job: Job, blueprint: Blueprint, restored: Restored | None, *, frozen: tuple[str, ...], strict: bool
) -> Session:
    """Make a trainer that goes on from what was restored.

    Args:
      job: what is given from outside.
      blueprint: the model.
      restored: None for a model that begins anew.
      frozen: tables that must not change.
      strict: refuse a checkpoint of another model.

    Raises:
      WorldError: strict, and the checkpoint is of another model.
    """
    config, training = job.config, job.config.training
    optimizers, turnover = blueprint.optimizers, blueprint.turnover
    state = ModelState(blueprint.model, optimizers, turnover.admission, training.seed)
    if restored is not None:
        state.restore_dense(restored.dense, strict=strict)
        state.restore_tables(restored.tables, restored.dense.layout, strict=strict)
        state.restore_admission(restored.admission, strict=strict)
    steps = Steps(blueprint.model, state, optimizers.dense, frozen)
    sweeper = Sweeper(
        (table for name, table in state.tables.items() if name not in frozen),
        ttl=turnover.ttl,
        zero_rows=turnover.zero_rows and optimizers.makes_zero_rows,
    )
    # Its own uid: a session put together anew in the same process must not write over the names of the one before.
    quarantine = Quarantine(job.store, new_uid())
    wake = threading.Event()
    feeds = [
        _feed(job, stream, parser=Parser(blueprint.model.features), restored=restored, quarantine=quarantine, wake=wake)
        for stream in config.streams
    ]
    trainer = Trainer(
        feeds,
        steps=steps,
        sweeper=sweeper,
        evaluation=Evaluation(max(1, round(config.window_seconds * 1000)), _KEEP_WINDOWS),
        batch=training.batch_size,
        metrics=job.metrics,
        wake=wake,
        watermark=None if restored is None else restored.watermark,
    )
    _LOG.info(
        "assembled",
        step=state.step,
        rows=state.rows(),
        streams=[feed.name for feed in feeds],
        restored=restored is not None,
    )
    quarantine.start()
    for feed in feeds:
        feed.start()
    return Session(blueprint.model, state, steps, trainer, quarantine)


def _feed(  # noqa: PLR0913 - one stream's share of what assemble has at hand
    job: Job,
    stream: StreamConfig,
    *,
    parser: Parser,
    restored: Restored | None,
    quarantine: Quarantine,
    wake: threading.Event,
) -> Feed:
    feed = Feed(
        stream,
        source=job.sources(stream),
        position=None if restored is None else restored.positions.get(stream.name),
        parser=parser,
        batch=job.config.training.batch_size,
        quarantine=quarantine,
        metrics=job.metrics,
        wake=wake,
        clock=job.clock,
    )
    feed.trained_until = None if restored is None else restored.event_times.get(stream.name)
    return feed
