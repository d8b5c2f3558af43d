"""Dense layers as pure functions of named weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import tensorflow as tf

from tandem_training.models.protocol import Weight

_EPSILON: Final = 1e-3
# The statistics of a smaller batch say too little; the moving ones are used in their place.
_SMALLEST_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Tower:
    r"""Hidden layers, each :math:`\mathrm{relu}(\mathrm{bn}(xW + b))`, and with ``head`` one linear unit on top.

    Attributes:
      name: prefix of its weights.
      inputs: width of x.
      hidden: widths of the layers.
      batch_norm: normalise before the activation.
      momentum: of the moving statistics, per batch.
      head: whether it ends in a logit.
    """

    name: str
    inputs: int
    hidden: tuple[int, ...]
    batch_norm: bool
    momentum: float
    head: bool

    @property
    def width(self) -> int:
        """Width of what comes out, the head not counted."""
        return self.hidden[-1] if self.hidden else self.inputs

    def weights(self, random: np.random.Generator) -> dict[str, Weight]:
        """Draw He-uniform kernels; the head's kernel is Glorot-uniform and all else constant."""
        weights: dict[str, Weight] = {}
        fan_in = self.inputs
        for i, width in enumerate(self.hidden):
            weights[f"{self.name}/{i}/kernel"] = _uniform(random, fan_in, width, float(np.sqrt(6 / fan_in)))
            weights[f"{self.name}/{i}/bias"] = Weight(np.zeros(width, np.float32))
            if self.batch_norm:
                weights[f"{self.name}/{i}/gamma"] = Weight(np.ones(width, np.float32))
                weights[f"{self.name}/{i}/moving_mean"] = Weight(np.zeros(width, np.float32), trainable=False)
                weights[f"{self.name}/{i}/moving_variance"] = Weight(np.ones(width, np.float32), trainable=False)
            fan_in = width
        if self.head:
            weights[f"{self.name}/logit/kernel"] = _uniform(random, fan_in, 1, float(np.sqrt(6 / (fan_in + 1))))
            weights[f"{self.name}/logit/bias"] = Weight(np.zeros(1, np.float32))
        return weights

    def forward(
        self, weights: Mapping[str, tf.Tensor], x: tf.Tensor, *, training: bool
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Return float32 (n, width), or (n,) logits with a head, and the new moving statistics when training."""
        moving: dict[str, tf.Tensor] = {}
        for i in range(len(self.hidden)):
            prefix = f"{self.name}/{i}"
            x = tf.matmul(x, weights[f"{prefix}/kernel"])
            if self.batch_norm:
                x, statistics = _batch_norm(weights, prefix, x, self.momentum if training else None)
                moving |= statistics
            else:
                x += weights[f"{prefix}/bias"]
            x = tf.nn.relu(x)
        if self.head:
            x = tf.matmul(x, weights[f"{self.name}/logit/kernel"]) + weights[f"{self.name}/logit/bias"]
            x = tf.squeeze(x, axis=1)
        return x, moving


def concatenate(features: Mapping[str, tf.Tensor], names: Sequence[str]) -> tf.Tensor:
    """Put features side by side in the given order."""
    return tf.concat([features[name] for name in names], axis=1)


def signs(random: np.random.Generator, rows: int) -> Weight:
    """Draw a kernel (rows, 1) of +1 and -1, which passes on whatever small rows hold without a preferred direction."""
    return Weight(random.choice([-1.0, 1.0], (rows, 1)).astype(np.float32))


def _uniform(random: np.random.Generator, rows: int, columns: int, limit: float) -> Weight:
    return Weight(random.uniform(-limit, limit, (rows, columns)).astype(np.float32))


def _batch_norm(
    weights: Mapping[str, tf.Tensor], prefix: str, x: tf.Tensor, momentum: float | None
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Normalise columns, ``bias`` being the shift; by the moving statistics where ``momentum`` is None."""
    mean, variance = weights[f"{prefix}/moving_mean"], weights[f"{prefix}/moving_variance"]
    moving: dict[str, tf.Tensor] = {}
    if momentum is not None:
        batch_mean, batch_variance = tf.nn.moments(x, axes=[0])
        enough = tf.shape(x)[0] >= _SMALLEST_BATCH
        rest = tf.where(enough, tf.constant(1 - momentum, tf.float32), 0.0)
        moving[f"{prefix}/moving_mean"] = tf.stop_gradient(mean + rest * (batch_mean - mean))
        moving[f"{prefix}/moving_variance"] = tf.stop_gradient(variance + rest * (batch_variance - variance))
        mean = tf.where(enough, batch_mean, mean)
        variance = tf.where(enough, batch_variance, variance)
    scale = weights[f"{prefix}/gamma"] * tf.math.rsqrt(variance + _EPSILON)
    return x * scale + (weights[f"{prefix}/bias"] - mean * scale), moving
