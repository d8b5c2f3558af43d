"""Click-through and conversion rate: shared embeddings, one tower per task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import tensorflow as tf

from tandem_training.errors import UserError
from tandem_training.features import Feature, read_features, tables_of, time_features
from tandem_training.models.layers import Tower, concatenate, signs
from tandem_training.models.protocol import Forward, Weight
from tandem_training.strict import Section

DEFAULT_FEATURES: Final[tuple[Mapping[str, object], ...]] = (
    {"name": "user_id", "kind": "id"},
    {"name": "item_id", "kind": "id"},
    {"name": "query", "kind": "id", "dtype": "string"},
    {"name": "brand", "kind": "id"},
    {"name": "user_segment", "kind": "id"},
    {"name": "numeric", "kind": "numeric", "length": 4},
)


@dataclass(frozen=True, slots=True)
class Config:
    """``spec.model.config`` of this model; README.md describes each field.

    Attributes:
      features: what a sample has.
      tasks: what to predict.
      shared: widths of hidden layers that all tasks share, before the towers.
      hidden: widths of each task's own hidden layers.
      wide: whether each task also has a linear unit straight on the features.
      batch_norm: whether hidden layers are batch-normalised.
      momentum: of the moving statistics, per batch.
      initial_range: half width of new embedding rows' uniform distribution.
    """

    features: tuple[Feature, ...]
    tasks: tuple[str, ...]
    shared: tuple[int, ...]
    hidden: tuple[int, ...]
    wide: bool
    batch_norm: bool
    momentum: float
    initial_range: float


class CtrCvr:
    """The model; stateless.

    Each task's tower has batch-norm statistics of its own, because the streams' samples are distributed differently:
    those of conversions have been clicked on. ``sharedHidden`` layers take theirs from both.

    The wide unit lets a row move its task's logit from its first sample on, before the tower has learned to read it:
    what drifts is followed sooner.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._names = tuple(sorted(feature.name for feature in config.features))
        self._inputs = sum(feature.width for feature in config.features)
        self._shared = self._tower("shared", self._inputs, config.shared, head=False)
        self._towers = {task: self._tower(task, self._shared.width, config.hidden, head=True) for task in config.tasks}

    @property
    def features(self) -> tuple[Feature, ...]:
        """What it reads from a sample."""
        return self._config.features

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it predicts."""
        return self._config.tasks

    @property
    def initial_range(self) -> float:
        """New embedding rows are uniform in ±this."""
        return self._config.initial_range

    def weights(self, seed: int) -> Mapping[str, Weight]:
        """Return all dense weights and moving statistics, drawn from ``seed``."""
        random = np.random.default_rng(seed)
        weights = self._shared.weights(random)
        for tower in self._towers.values():
            weights |= tower.weights(random)
        if self._config.wide:
            for task in self.tasks:
                weights[f"{task}/wide/kernel"] = signs(random, self._inputs)
        return weights

    def forward(
        self,
        weights: Mapping[str, tf.Tensor],
        features: Mapping[str, tf.Tensor],
        tasks: Sequence[str],
        *,
        training: bool,
    ) -> Forward:
        """Compute the logits of ``tasks``; see ``Model.forward``."""
        inputs = concatenate(features, self._names)
        x, moving = self._shared.forward(weights, inputs, training=training)
        logits: dict[str, tf.Tensor] = {}
        for task in tasks:
            logits[task], statistics = self._towers[task].forward(weights, x, training=training)
            moving |= statistics
            if self._config.wide:
                logits[task] += tf.squeeze(tf.matmul(inputs, weights[f"{task}/wide/kernel"]), axis=1)
        return Forward(logits, moving)

    def _tower(self, name: str, inputs: int, hidden: tuple[int, ...], *, head: bool) -> Tower:
        return Tower(name, inputs, hidden, self._config.batch_norm, self._config.momentum, head)


def build(config: Mapping[str, object], tasks: Sequence[str]) -> CtrCvr:
    """Build the model from ``spec.model.config``.

    Args:
      config: the user's JSON object; empty for all defaults.
      tasks: of the streams.

    Raises:
      UserError: a field does not fit, or a feature tells the time and ``allowTimeFeatures`` is not set (M5).

    Example:
      >>> build({"hidden": [64, 32], "embeddingDim": 8}, ["ctr", "cvr"]).tasks
      ('ctr', 'cvr')
    """
    section = Section(config, "spec.model.config")
    dim = section.integer("embeddingDim", 8, low=1, high=4096)
    parsed = Config(
        features=read_features(section.sections("features", DEFAULT_FEATURES), dim),
        tasks=section.texts("tasks", tuple(dict.fromkeys(tasks))),
        shared=section.integers("sharedHidden", (), low=1, high=65536),
        hidden=section.integers("hidden", (64, 32), low=1, high=65536),
        wide=section.flag("wide", default=True),
        batch_norm=section.flag("batchNorm", default=True),
        momentum=section.number("batchNormMomentum", 0.95, low=0.0, high=0.9999),
        initial_range=section.number("initialRange", 0.05, low=1e-6, high=10.0),
    )
    allowed = section.flag("allowTimeFeatures", default=False)
    section.done()
    _check(parsed, tasks, time_allowed=allowed)
    return CtrCvr(parsed)


def _check(config: Config, tasks: Sequence[str], *, time_allowed: bool) -> None:
    timed = time_features(config.features)
    if timed and not time_allowed:
        raise UserError(
            "TimeFeature",
            f"spec.model.config.features: {', '.join(timed)} tells the time. A window of streamed samples carries "
            "one value of it only, and the model would over-fit to that. Remove it, or set "
            "spec.model.config.allowTimeFeatures: true.",
        )
    if not config.features:
        raise UserError("InvalidModelConfig", "spec.model.config.features is empty. Name at least one feature.")
    if "shared" in config.tasks or len(set(config.tasks)) != len(config.tasks):
        raise UserError(
            "InvalidModelConfig", 'spec.model.config.tasks must be distinct names other than "shared". Rename the task.'
        )
    if set(tasks) != set(config.tasks):
        raise UserError(
            "TaskWithoutStream",
            f"spec.model.config.tasks are {', '.join(sorted(config.tasks))}, but the streams' tasks are "
            f"{', '.join(sorted(set(tasks)))}. Every task needs a stream, and every stream a task of the model.",
        )
    tables_of(config.features)
