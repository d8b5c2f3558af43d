r"""How a row learns: the plain optimizers. With penalties that make rows exactly zero: ``group_lasso.py``.

Each is one fused step on a row and the slots stored beside it. :math:`g` is the sum of the row's gradients in a call
of ``apply``, in the order of their positions; :math:`\alpha` the learning rate; :math:`t` the row's own count of
steps, so that a row born late is corrected like one born early. Arithmetic is float32 in the order written, the same
bits on every CPU.
"""

import math
from dataclasses import dataclass, fields
from typing import ClassVar

from tandem_ops.errors import BadConfiguration


@dataclass(frozen=True, slots=True)
class Optimizer:
    """Base of the optimizers.

    Args:
      learning_rate: the step's size where ``apply`` is not told another; positive and finite.
    """

    learning_rate: float
    _KIND: ClassVar[str] = ""
    _SLOTS: ClassVar[tuple[str, ...]] = ()
    _NOT_TOLD: ClassVar[frozenset[str]] = frozenset({"learning_rate"})

    def __post_init__(self) -> None:
        self._require("learning_rate", self.learning_rate, above=0.0)

    @property
    def kind(self) -> str:
        """The core's name for the formula."""
        return self._KIND

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The slots beside a row, in their order; each is as wide as the row."""
        return self._SLOTS

    @property
    def slots(self) -> int:
        """How many slots a row has."""
        return len(self.slot_names)

    @property
    def slot_starts(self) -> tuple[float, ...]:
        """What the slots of a row hold before its first step."""
        return tuple(getattr(self, "initial_accumulator", 0.0) if s == "accumulator" else 0.0 for s in self.slot_names)

    @property
    def layout(self) -> str:
        """What the slots mean: a row learns on with its slots under any optimizer of the same layout."""
        return "+".join(self.slot_names) or "none"

    def options(self) -> dict[str, float]:
        """Return what the core is told beside the kind: the formula's numbers by their names, no learning rate."""
        return {f.name: float(getattr(self, f.name)) for f in fields(self) if f.name not in self._NOT_TOLD}

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

    def _require_metric(self, initial_accumulator: float, epsilon: float) -> None:
        self._require("initial_accumulator", initial_accumulator, minimum=0.0)
        self._require("epsilon", epsilon, minimum=0.0)
        if initial_accumulator == 0 and epsilon == 0:
            raise BadConfiguration(
                f"{type(self).__name__}.epsilon must be above 0 where initial_accumulator is 0: a zero gradient would "
                "divide 0 by 0"
            )


@dataclass(frozen=True, slots=True)
class SGD(Optimizer):
    r"""Plain gradient descent.

    .. math:: x \leftarrow x - \alpha g

    Example:
      >>> SGD(0.1)
      SGD(learning_rate=0.1)
    """

    _KIND: ClassVar[str] = "sgd"


@dataclass(frozen=True, slots=True)
class Momentum(Optimizer):
    r"""Gradients that add up while they agree.

    .. math:: m \leftarrow \mu m + g, \qquad x \leftarrow x - \alpha m

    With ``nesterov`` the gradient is looked at from one step ahead: :math:`x \leftarrow x - \alpha (g + \mu m)`.

    Args:
      learning_rate: the formula's alpha.
      momentum: μ, in [0, 1).
      nesterov: which of the two.

    Source: Polyak 1964; Sutskever et al. 2013, as TensorFlow's kernel has it.

    Example:
      >>> Momentum(0.1, nesterov=True).options()
      {'momentum': 0.9}
    """

    momentum: float = 0.9
    nesterov: bool = False
    _SLOTS: ClassVar[tuple[str, ...]] = ("momentum",)
    _NOT_TOLD: ClassVar[frozenset[str]] = frozenset({"learning_rate", "nesterov"})

    def __post_init__(self) -> None:
        Optimizer.__post_init__(self)
        self._require("momentum", self.momentum, minimum=0.0, below=1.0)

    @property
    def kind(self) -> str:
        """The core's name for the formula."""
        return "nesterov" if self.nesterov else "momentum"


@dataclass(frozen=True, slots=True)
class Adagrad(Optimizer):
    r"""Steps that shrink with what a weight has already moved.

    .. math:: a \leftarrow a + g^2, \qquad x \leftarrow x - \frac{\alpha g}{\sqrt a + \epsilon}

    Args:
      learning_rate: the formula's alpha.
      initial_accumulator: a before the first step; at least 0.
      epsilon: ε; at least 0, and above 0 where the accumulator begins at 0.

    Source: Duchi, Hazan, Singer 2011.

    Example:
      >>> Adagrad(0.05).slot_starts
      (0.1,)
    """

    initial_accumulator: float = 0.1
    epsilon: float = 1e-7
    _KIND: ClassVar[str] = "adagrad"
    _SLOTS: ClassVar[tuple[str, ...]] = ("accumulator",)

    def __post_init__(self) -> None:
        Optimizer.__post_init__(self)
        self._require_metric(self.initial_accumulator, self.epsilon)


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

    Example:
      >>> Adam(0.001).layout
      'm+v'
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    _KIND: ClassVar[str] = "adam"
    _SLOTS: ClassVar[tuple[str, ...]] = ("m", "v")

    def __post_init__(self) -> None:
        Optimizer.__post_init__(self)
        self._require("beta1", self.beta1, minimum=0.0, below=1.0)
        self._require("beta2", self.beta2, minimum=0.0, below=1.0)
        self._require("epsilon", self.epsilon, above=0.0)


@dataclass(frozen=True, slots=True)
class Ftrl(Optimizer):
    r"""Follow the regularised leader: every step answers all gradients so far, so that l1 gives exact zeros.

    .. math::
       a_t = a_{t-1} + g^2, \quad D_t = \frac{a_t^p + \epsilon}{\alpha}, \quad
       z_t = z_{t-1} + g - (D_t - D_{t-1})\,x_t, \quad
       x_{t+1} = \frac{-\operatorname{soft}(z_t, \lambda_1)}{D_t + 2\lambda_2}

    A row starts from its initial values (:math:`z_0 = -D_0 x_1`, 0 for rows that begin at zero, as in the paper). The
    slots are a and the pull :math:`r = z + D x` after each step.

    Args:
      learning_rate: the formula's alpha.
      power: p, in [0, 1); 0.5 is the paper's square root. TensorFlow's ``learning_rate_power`` is its negative.
      initial_accumulator: a before the first step; at least 0.
      epsilon: ε, the paper's β; at least 0, and above 0 where the accumulator begins at 0.
      l1: λ₁, at least 0.
      l2: λ₂, at least 0.

    Source: McMahan et al. 2013, algorithm 1, with 2λ₂ as in TensorFlow.

    Example:
      >>> Ftrl(0.1, l1=0.01).slot_names
      ('accumulator', 'pull')
    """

    power: float = 0.5
    initial_accumulator: float = 0.1
    epsilon: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    _KIND: ClassVar[str] = "ftrl"
    _SLOTS: ClassVar[tuple[str, ...]] = ("accumulator", "pull")

    def __post_init__(self) -> None:
        Optimizer.__post_init__(self)
        self._require("power", self.power, minimum=0.0, below=1.0)
        self._require_metric(self.initial_accumulator, self.epsilon)
        self._require("l1", self.l1, minimum=0.0)
        self._require("l2", self.l2, minimum=0.0)
