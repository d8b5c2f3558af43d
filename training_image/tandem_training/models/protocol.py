"""What a model is to the trainer: features in, logits out, weights as arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tandem_training.features import Feature


@dataclass(frozen=True, slots=True)
class Weight:
    """A dense weight or a moving statistic.

    Attributes:
      initial: float32 value before the first step.
      trainable: False for moving statistics, which ``forward`` updates itself.
    """

    initial: npt.NDArray[np.float32]
    trainable: bool = True


@dataclass(frozen=True, slots=True)
class Forward:
    """What one pass through the dense part gives.

    Attributes:
      logits: by task, float32 (n,).
      moving: new values of moving statistics, by name; empty unless training.
    """

    logits: Mapping[str, tf.Tensor]
    moving: Mapping[str, tf.Tensor]


class Model(Protocol):
    """A model as the trainer sees it: values and pure functions; tables, variables and optimizers are the trainer's.

    An entrypoint ``module:function`` is called as ``function(config, tasks)`` with the JSON object
    ``spec.model.config`` and the tasks of the streams in their order, and returns this. It raises
    ``tandem_training.errors.UserError`` for a config that does not fit.
    """

    @property
    def features(self) -> tuple[Feature, ...]:
        """What it reads from a sample."""
        ...

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it predicts."""
        ...

    @property
    def initial_range(self) -> float:
        """New embedding rows are uniform in ±this."""
        ...

    def weights(self, seed: int) -> Mapping[str, Weight]:
        """Return all dense weights and moving statistics, drawn from ``seed``; names are ``/``-separated words."""
        ...

    def forward(
        self,
        weights: Mapping[str, tf.Tensor],
        features: Mapping[str, tf.Tensor],
        tasks: Sequence[str],
        *,
        training: bool,
    ) -> Forward:
        """Compute logits with native TensorFlow ops only, so that the graph can be exported.

        Args:
          weights: all of ``weights``, as tensors.
          features: by name, float32 (n, width), ids already embedded and pooled.
          tasks: which to compute.
          training: True uses the batch's own statistics.
        """
        ...
