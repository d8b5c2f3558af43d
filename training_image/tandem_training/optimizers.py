"""Optimizers of the dense weights: pure pairs of initial slots and update; and the tables' own by the same name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tandem_ops
import tensorflow as tf

from tandem_training.strict import Section

Array = npt.NDArray[np.float32]


class DenseOptimizer(Protocol):
    """A gradient step as a pure function."""

    def initial(self, shape: Sequence[int]) -> Mapping[str, Array]:
        """Return the slots of a new weight, by name, float32."""
        ...

    def update(
        self, weight: tf.Tensor, gradient: tf.Tensor, slots: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Return the new weight and its new slots."""
        ...


@dataclass(frozen=True, slots=True)
class Adagrad:
    r"""Steps that shrink with what a weight has already moved.

    .. math:: a \leftarrow a + g^2, \qquad x \leftarrow x - \frac{\alpha g}{\sqrt a + \epsilon}

    Source: Duchi, Hazan, Singer 2011.
    """

    learning_rate: float
    initial_accumulator: float = 0.1
    epsilon: float = 1e-7

    def initial(self, shape: Sequence[int]) -> Mapping[str, Array]:
        """Return the accumulator."""
        return {"accumulator": np.full(shape, self.initial_accumulator, np.float32)}

    def update(
        self, weight: tf.Tensor, gradient: tf.Tensor, slots: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Take one step."""
        accumulator = slots["accumulator"] + tf.square(gradient)
        return weight - self.learning_rate * gradient / (tf.sqrt(accumulator) + self.epsilon), {
            "accumulator": accumulator
        }


@dataclass(frozen=True, slots=True)
class Adam:
    r"""Moments of the gradient, bias-corrected by the weight's own number of steps, since each task steps only its own tower.

    .. math::
       m \leftarrow \beta_1 m + (1-\beta_1) g, \quad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \quad
       x \leftarrow x - \alpha\,\frac{m / (1-\beta_1^t)}{\sqrt{v / (1-\beta_2^t)} + \epsilon}

    Source: Kingma & Ba 2015.
    """

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def initial(self, shape: Sequence[int]) -> Mapping[str, Array]:
        """Return both moments and the powers of β that the corrections need."""
        zeros = np.zeros(shape, np.float32)
        return {"m": zeros, "v": zeros.copy(), "power1": np.ones((), np.float32), "power2": np.ones((), np.float32)}

    def update(
        self, weight: tf.Tensor, gradient: tf.Tensor, slots: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Take one step."""
        m = self.beta1 * slots["m"] + (1 - self.beta1) * gradient
        v = self.beta2 * slots["v"] + (1 - self.beta2) * tf.square(gradient)
        power1, power2 = slots["power1"] * self.beta1, slots["power2"] * self.beta2
        step = self.learning_rate * (m / (1 - power1)) / (tf.sqrt(v / (1 - power2)) + self.epsilon)
        return weight - step, {"m": m, "v": v, "power1": power1, "power2": power2}


@dataclass(frozen=True, slots=True)
class Optimizers:
    """The dense weights' optimizer and the tables'."""

    dense: DenseOptimizer
    sparse: tandem_ops.Optimizer

    def sparse_slots(self, rows: int, dim: int) -> Array:
        """Return the slots of rows that have none, float32 (rows, slots · dim)."""
        value = self.sparse.initial_accumulator if isinstance(self.sparse, tandem_ops.Adagrad) else 0.0
        return np.full((rows, self.sparse.slots * dim), value, np.float32)


def read_optimizers(name: str, params: Mapping[str, object], learning_rate: float) -> Optimizers:
    """Build the optimizers of ``spec.training.optimizer``.

    Args:
      name: Adagrad or Adam.
      params: ``denseLearningRate`` (the tables' when absent), ``initialAccumulator`` of Adagrad's dense weights and
        ``rowAccumulator`` of its rows, ``beta1``, ``beta2``, ``epsilon`` of Adam.
      learning_rate: of the tables.

    Raises:
      UserError: the name or a parameter is unknown or out of range.
    """
    where = "spec.training.optimizer"
    chosen = Section({"name": name}, where).text("name", among=("Adagrad", "Adam"))
    section = Section(params, f"{where}.params")
    dense_rate = section.number("denseLearningRate", learning_rate, low=1e-9, high=100.0)
    if chosen == "Adagrad":
        start = section.number("initialAccumulator", 0.1, low=1e-9, high=1e6)
        row_start = section.number("rowAccumulator", 0.1, low=1e-9, high=1e6)
        result = Optimizers(
            Adagrad(dense_rate, start), tandem_ops.Adagrad(learning_rate, initial_accumulator=row_start)
        )
    else:
        beta1 = section.number("beta1", 0.9, low=0.0, high=0.999999)
        beta2 = section.number("beta2", 0.999, low=0.0, high=0.999999)
        epsilon = section.number("epsilon", 1e-8, low=1e-12, high=1.0)
        result = Optimizers(
            Adam(dense_rate, beta1, beta2, epsilon),
            tandem_ops.Adam(learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon),
        )
    section.done()
    return result
