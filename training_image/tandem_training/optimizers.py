"""Optimizers of the dense weights: pure pairs of initial slots and update; and the tables' own by the same name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt
import tandem_ops
import tensorflow as tf

from tandem_training.strict import Section, invalid

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
class Sgd:
    r"""Plain gradient descent.

    .. math:: x \leftarrow x - \alpha g
    """

    learning_rate: float

    def initial(self, shape: Sequence[int]) -> Mapping[str, Array]:  # noqa: ARG002 - the protocol's
        """Return no slots."""
        return {}

    def update(
        self,
        weight: tf.Tensor,
        gradient: tf.Tensor,
        slots: Mapping[str, tf.Tensor],  # noqa: ARG002 - the protocol's
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Take one step."""
        return weight - self.learning_rate * gradient, {}


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
    r"""Moments of the gradient, each corrected by the weight's own number of steps, since a task steps its tower only.

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

    @property
    def makes_zero_rows(self) -> bool:
        """Whether rows can learn to be exactly zero."""
        sparse = self.sparse
        return isinstance(sparse, tandem_ops.GroupLasso) or (isinstance(sparse, tandem_ops.Ftrl) and sparse.l1 > 0)

    def sparse_slots(self, rows: int, dim: int) -> Array:
        """Return the slots of rows that have none, float32 (rows, slots · dim)."""
        starts = np.asarray(self.sparse.slot_starts, np.float32)
        return np.tile(np.repeat(starts, dim), (rows, 1))


def read_optimizers(name: str, params: Mapping[str, object], learning_rate: float) -> Optimizers:
    """Build the optimizers of ``spec.training.optimizer``.

    Penalties are the rows' (E2): a row that carries no signal becomes exactly zero and leaves. Dense weights take the
    plain optimizer, with Ftrl that is Adagrad.

    Args:
      name: Adagrad, Adam, Ftrl or Sgd.
      params: ``denseLearningRate`` (the tables' when absent); of Adagrad and Ftrl ``initialAccumulator`` for dense
        weights and ``rowAccumulator`` for rows; of Adam ``beta1``, ``beta2``, ``epsilon``; of all ``l1``, ``l2``,
        ``l21`` and ``form`` (Prox, DualAveraging, Published).
      learning_rate: of the tables.

    Raises:
      UserError: the name or a parameter is unknown, out of range, or does not fit to the others.
    """
    where = "spec.training.optimizer"
    chosen = Section({"name": name}, where).text("name", among=("Adagrad", "Adam", "Ftrl", "Sgd"))
    section = Section(params, where)
    dense_rate = section.number("denseLearningRate", learning_rate, low=1e-9, high=100.0)
    base: tandem_ops.SGD | tandem_ops.Adagrad | tandem_ops.Adam
    dense: DenseOptimizer
    match chosen:
        case "Adagrad" | "Ftrl":
            dense = Adagrad(dense_rate, section.number("initialAccumulator", 0.01, low=1e-9, high=1e6))
            row_start = section.number("rowAccumulator", 0.01, low=1e-9, high=1e6)
            base = tandem_ops.Adagrad(learning_rate, initial_accumulator=row_start)
        case "Adam":
            beta1 = section.number("beta1", 0.9, low=0.0, high=0.999999)
            beta2 = section.number("beta2", 0.999, low=0.0, high=0.999999)
            epsilon = section.number("epsilon", 1e-8, low=1e-12, high=1.0)
            dense = Adam(dense_rate, beta1, beta2, epsilon)
            base = tandem_ops.Adam(learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon)
        case _:
            dense, base = Sgd(dense_rate), tandem_ops.SGD(learning_rate)
    penalties = _Penalties.read(section)
    section.done()
    return Optimizers(dense, penalties.around(base, chosen, where))


@dataclass(frozen=True, slots=True)
class _Penalties:
    l1: float
    l2: float
    l21: float
    form: str

    @classmethod
    def read(cls, section: Section) -> _Penalties:
        l1, l2, l21 = (section.number(name, 0.0, low=0.0, high=1000.0) for name in ("l1", "l2", "l21"))
        return cls(l1, l2, l21, section.text("form", "Prox", among=tuple(_FORMS)))

    def around(
        self, base: tandem_ops.SGD | tandem_ops.Adagrad | tandem_ops.Adam, chosen: str, where: str
    ) -> tandem_ops.Optimizer:
        if chosen == "Ftrl":
            if self.l21 or self.form != "Prox":
                raise invalid(
                    f"{where}.{'l21' if self.l21 else 'form'}",
                    "has no meaning for Ftrl; take Adagrad with form: DualAveraging, which is its group lasso",
                )
            start = base.slot_starts[0]
            return tandem_ops.Ftrl(base.learning_rate, initial_accumulator=start, l1=self.l1, l2=self.l2)
        if isinstance(base, tandem_ops.SGD) and self.form != "Prox":
            raise invalid(f"{where}.form", f'"{self.form}" needs Adagrad or Adam; take one of them, or form: Prox')
        if self.form == "Prox" and not (self.l1 or self.l2 or self.l21):
            return base
        return tandem_ops.GroupLasso(base, l1=self.l1, l2=self.l2, l21=self.l21, form=_FORMS[self.form])


_FORMS: Final[Mapping[str, Literal["prox", "dual_averaging", "published"]]] = {
    "Prox": "prox",
    "DualAveraging": "dual_averaging",
    "Published": "published",
}
