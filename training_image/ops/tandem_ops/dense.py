r"""Sparse group lasso for dense weights: the formulas of the tables' optimizers as pure TensorFlow functions.

A row of a kernel ``[inputs, units]`` belongs to one input, a column to one unit: with groups of rows dead inputs become
exact zeros, with groups of columns dead units do. ``dense_keras.py`` has the same as a Keras optimizer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tandem_ops.dense_shrink import Penalties, minimiser, published
from tandem_ops.errors import BadConfiguration
from tandem_ops.group_lasso import GroupLasso
from tandem_ops.optimizers import Adagrad, Adam

Groups = Literal["rows", "columns", "matrix"]
"""Which weights live and die together: those of one input, those of one unit, or all."""

_BLOCK = 2.0**20
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True)
class DenseGroupLasso:
    r"""A :class:`GroupLasso` step on a dense weight, as a pair of pure functions.

    Base, penalties and forms are those of :class:`GroupLasso`, with one t per weight, and with the group's size for d.
    The last axis of a kernel is its units, the one before its inputs; a vector is one group with ``matrix`` and single
    weights otherwise.

    Args:
      optimizer: base, penalties and form.
      groups: rows, columns or the whole matrix.

    Raises:
      BadConfiguration: ``groups`` is none of them.

    Example:
      >>> from tandem_ops.optimizers import SGD
      >>> shrink = DenseGroupLasso(GroupLasso(SGD(1.0), l21=0.1), groups="rows")
      >>> kernel = tf.constant([[0.3, 0.4], [0.03, 0.04]])  # norms .5 and .05; √2·.1 = .141
      >>> kernel, slots = shrink.update(kernel, tf.zeros([2, 2]), shrink.initial([2, 2]))
      >>> kernel.numpy().round(4)
      array([[0.2151, 0.2869],
             [0.    , 0.    ]], dtype=float32)
    """

    optimizer: GroupLasso
    groups: Groups = "rows"

    def __post_init__(self) -> None:
        if self.groups not in get_args(Groups):
            raise BadConfiguration(
                f"DenseGroupLasso.groups must be one of {', '.join(get_args(Groups))}, not {self.groups!r}"
            )

    def initial(self, shape: Sequence[int]) -> dict[str, npt.NDArray[np.float32]]:
        """Return the slots of a new weight, by name, float32.

        They are the optimizer's, and where it counts steps [2]: ones and blocks of 2²⁰, as a float32 counts to 2²⁴.
        """
        starts = zip(self.optimizer.slot_names, self.optimizer.slot_starts, strict=True)
        slots = {name: np.full(shape, start, np.float32) for name, start in starts}
        if self._counts():
            slots["steps"] = np.zeros(2, np.float32)
        return slots

    def update(
        self,
        weight: tf.Tensor,
        gradient: tf.Tensor,
        slots: Mapping[str, tf.Tensor],
        learning_rate: tf.Tensor = None,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Take one step.

        Args:
          weight: float32, of a shape that is known.
          gradient: float32, of the same shape.
          slots: of :meth:`initial` or of the step before.
          learning_rate: float32 scalar; the optimizer's own where None. At 0 the weight stays.

        Returns:
          The new weight and its new slots.
        """
        rate = tf.convert_to_tensor(
            self.optimizer.learning_rate if learning_rate is None else learning_rate, tf.float32
        )
        after = {"steps": _next(slots["steps"])} if self._counts() else {}
        t = _count(after["steps"]) if self._counts() else tf.constant(1.0)
        direction, metric = self._base(gradient, slots, t, after)
        if self.optimizer.form == "prox":
            return self._prox(weight, direction, metric, rate), after
        d = metric / tf.maximum(rate, _TINY)
        s = d * weight - direction - slots["pull"]
        if self.optimizer.form == "dual_averaging":
            new = minimiser(s, d, self._penalties(weight, t), weight)
        else:
            new = published(s, d, self._penalties(weight, tf.constant(1.0)), weight)
        after["pull"] = tf.where(rate > 0, d * new - s, slots["pull"])
        return tf.where(rate > 0, new, weight), after

    def _prox(self, weight: tf.Tensor, direction: tf.Tensor, h: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        o = self.optimizer
        if o.l1 == o.l2 == o.l21 == 0:
            return weight - rate * direction / h
        # Everything times the rate, so that a rate of 0 divides nothing.
        return minimiser(h * weight - rate * direction, h, self._penalties(weight, rate), weight)

    def _base(
        self, g: tf.Tensor, slots: Mapping[str, tf.Tensor], t: tf.Tensor, after: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return direction and metric times the rate, and put the base's new slots into ``after``."""
        match self.optimizer.base:
            case Adagrad(epsilon=epsilon):
                after["accumulator"] = slots["accumulator"] + tf.square(g)
                direction, root = g, tf.sqrt(after["accumulator"])
            case Adam(beta1=beta1, beta2=beta2, epsilon=epsilon):
                after["m"] = beta1 * slots["m"] + (1 - beta1) * g
                after["v"] = beta2 * slots["v"] + (1 - beta2) * tf.square(g)
                direction, root = after["m"] / _remaining(beta1, t), tf.sqrt(after["v"] / _remaining(beta2, t))
            case _:
                return g, tf.ones_like(g)
        return direction, root if self.optimizer.form == "published" else root + epsilon

    def _penalties(self, weight: tf.Tensor, times: tf.Tensor) -> Penalties:
        o, rank = self.optimizer, len(weight.shape)
        if self.groups == "matrix":
            axes = tuple(range(rank))
        else:
            kept = rank - (2 if self.groups == "rows" else 1)
            axes = tuple(axis for axis in range(rank) if axis != kept and rank > 1)
        size = math.prod(weight.shape[axis] for axis in axes)
        return Penalties(times * o.l1, times * (2 * o.l2), times * (math.sqrt(size) * o.l21), axes)

    def _counts(self) -> bool:
        return isinstance(self.optimizer.base, Adam) or self.optimizer.form == "dual_averaging"


def _next(steps: tf.Tensor) -> tf.Tensor:
    ones = steps[0] + 1
    full = ones >= _BLOCK
    return tf.stack([tf.where(full, 0.0, ones), steps[1] + tf.cast(full, tf.float32)])


def _count(steps: tf.Tensor) -> tf.Tensor:
    return steps[1] * _BLOCK + steps[0]


def _remaining(beta: float, t: tf.Tensor) -> tf.Tensor:
    """1 - β^t, without the cancellation that float32 would have."""
    return -tf.math.expm1(t * math.log(beta)) if beta > 0 else tf.constant(1.0)
