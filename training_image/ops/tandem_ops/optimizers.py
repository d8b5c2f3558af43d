r"""How a row learns.

Each is one fused step on a row and the slots stored beside it. :math:`g` is the sum of the row's gradients in a call
of ``apply``, in the order of their positions; :math:`\alpha` the learning rate; :math:`t` the row's own count of
steps, so that a row born late is corrected like one born early. Arithmetic is float32 in the order written, the same
bits on every CPU.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from tandem_ops.errors import BadConfiguration


@dataclass(frozen=True, slots=True)
class Optimizer:
    """Base of the optimizers.

    Args:
      learning_rate: the step's size where ``apply`` is not told another; positive and finite.
    """

    learning_rate: float
    kind: ClassVar[str]
    slots: ClassVar[int]

    def __post_init__(self) -> None:
        self._require("learning_rate", self.learning_rate, above=0.0)

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        """What the core is told: initial accumulator, beta1, beta2, epsilon; 0 for what the formula lacks."""
        return 0.0, 0.0, 0.0, 0.0

    def _require(
        self, what: str, value: float, *, above: float = -math.inf, minimum: float = -math.inf, below: float = math.inf
    ) -> None:
        if not (math.isfinite(value) and above < value < below and value >= minimum):
            bounds = [
                f"above {above}" * (above > -math.inf),
                f"at least {minimum}" * (minimum > -math.inf),
                f"below {below}" * (below < math.inf),
            ]
            raise BadConfiguration(
                f"{type(self).__name__}.{what} must be finite, {', '.join(b for b in bounds if b)}; it is {value}"
            )


@dataclass(frozen=True, slots=True)
class SGD(Optimizer):
    r"""Plain gradient descent.

    .. math:: x \leftarrow x - \alpha g
    """

    kind: ClassVar[str] = "sgd"
    slots: ClassVar[int] = 0


@dataclass(frozen=True, slots=True)
class Adagrad(Optimizer):
    r"""Steps that shrink with what a weight has already moved.

    .. math:: a \leftarrow a + g^2, \qquad x \leftarrow x - \frac{\alpha g}{\sqrt a + \epsilon}

    Args:
      learning_rate: the formula's alpha.
      initial_accumulator: a before the first step; at least 0.
      epsilon: ε; at least 0, and above 0 where the accumulator begins at 0.

    Source: Duchi, Hazan, Singer 2011.
    """

    initial_accumulator: float = 0.1
    epsilon: float = 1e-7
    kind: ClassVar[str] = "adagrad"
    slots: ClassVar[int] = 1

    def __post_init__(self) -> None:
        Optimizer.__post_init__(self)
        self._require("initial_accumulator", self.initial_accumulator, minimum=0.0)
        self._require("epsilon", self.epsilon, minimum=0.0)
        if self.initial_accumulator == 0 and self.epsilon == 0:
            raise BadConfiguration(
                "Adagrad.epsilon must be above 0 where initial_accumulator is 0: a zero gradient would divide 0 by 0"
            )

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        """Initial accumulator and ε."""
        return self.initial_accumulator, 0.0, 0.0, self.epsilon


@dataclass(frozen=True, slots=True)
class Adam(Optimizer):
    r"""Moments of the gradient, each corrected by the row's own number of steps.

    .. math::
       m \leftarrow \beta_1 m + (1-\beta_1) g, \quad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \quad
       x \leftarrow x - \alpha\,\frac{m / (1-\beta_1^t)}{\sqrt{v / (1-\beta_2^t)} + \epsilon}

    Args:
      learning_rate: the formula's alpha.
      beta1: decay of the first moment, in [0, 1).
      beta2: decay of the second moment, in [0, 1).
      epsilon: ε, above 0.

    Source: Kingma & Ba 2015, with t per row.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    kind: ClassVar[str] = "adam"
    slots: ClassVar[int] = 2

    def __post_init__(self) -> None:
        Optimizer.__post_init__(self)
        self._require("beta1", self.beta1, minimum=0.0, below=1.0)
        self._require("beta2", self.beta2, minimum=0.0, below=1.0)
        self._require("epsilon", self.epsilon, above=0.0)

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        """β₁, β₂ and ε."""
        return 0.0, self.beta1, self.beta2, self.epsilon
