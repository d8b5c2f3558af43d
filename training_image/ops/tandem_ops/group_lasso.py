r"""Sparse group lasso: an optimizer whose penalties make whole rows, and single weights, exactly zero.

A row :math:`x \in R^d` is one group. The base optimizer gives a direction :math:`\hat m_t` (Adam's corrected first
moment, or g) and a diagonal metric :math:`D_t = (\sqrt{\hat V_t} + \epsilon)/\alpha_t` (SGD: :math:`1/\alpha`). With
:math:`\operatorname{soft}(s, \lambda) = \operatorname{sign}(s)\max(0, |s| - \lambda)`,

.. math::
   P_A(s; \lambda_1, \lambda_{21}) = \arg\min_x\ \tfrac12 \sum_i A_i x_i^2 - s \cdot x
   + \lambda_1 \lVert x \rVert_1 + \sqrt d\,\lambda_{21} \lVert x \rVert_2
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from tandem_ops.errors import BadConfiguration
from tandem_ops.optimizers import SGD, Adagrad, Adam, Optimizer

Form = Literal["prox", "dual_averaging", "published"]


@dataclass(frozen=True, slots=True)
class GroupLasso(Optimizer):
    r"""Penalties λ₁‖x‖₁ + √d·λ₂₁‖x‖₂ + λ₂‖x‖² per row, around a base optimizer.

    *prox* takes the base's step and then the exact shrink in its metric; λ acts with every touch of the row:

    .. math:: x_{t+1} = P_{D_t + 2\lambda_2}(D_t x_t - \hat m_t;\ \lambda_1, \lambda_{21})

    *dual averaging* answers all the row's gradients at once; λ acts with their mean, so that noise in single gradients
    does not revive a dead weight:

    .. math::
       z_t = z_{t-1} + \hat m_t - (D_t - D_{t-1})\,x_t, \quad
       x_{t+1} = P_{D_t + 2 t \lambda_2}(-z_t;\ t\lambda_1, t\lambda_{21})

    *published* is the closed form of the paper, kept for comparison: D without ε, λ counted once whatever t, and
    :math:`x_{t+1} = \max(0, 1 - \sqrt d \lambda_{21} / \lVert s \rVert)\, s / (D_t + 2\lambda_2)` with
    :math:`s = \operatorname{soft}(-z_t, \lambda_1)`. Its penalty fades as gradients add up, and its shrink is the
    minimiser only where D is the same for all of a row's weights.

    With all λ = 0 prox is the base bit for bit and dual averaging equals it to rounding. Slots: the base's, and but for
    prox the pull :math:`r = z + D x` after each step, which starts at 0 (:math:`z_0 = -D_0 x_1`).

    Args:
      base: SGD (prox only), Adagrad or Adam; its learning rate is this one's. While prox takes any rate from 0 on, the
        others divide by it and refuse 0.
      l1: λ₁, at least 0: single weights.
      l2: λ₂, at least 0.
      l21: λ₂₁, at least 0: whole rows.
      form: which of the three.

    Raises:
      BadConfiguration: a λ is negative or not finite, or the form has no such base.

    Source: Yue et al. 2021, *Adaptive Optimizers with Sparse Group Lasso for Neural Networks in CTR Prediction*,
    algorithm 1 (published); Yuan & Lin 2006 (the penalty); Xiao 2010 (dual averaging).

    Example:
      >>> import tandem_ops as ops
      >>> optimizer = ops.GroupLasso(ops.SGD(learning_rate=1.0), l21=0.1)
      >>> table = ops.HashVariable("brand", dim=4, initializer=ops.Zeros(), optimizer=optimizer)
      >>> rows, handles = table.lookup([1, 2])
      >>> table.apply(handles, [[-0.5, 0.0, 0.0, 0.0], [-0.1, 0.1, 0.1, 0.0]])  # norms .5 and .17; √4·.1 = .2
      >>> table.peek([1, 2]).numpy().round(6)
      array([[0.3, 0. , 0. , 0. ],
             [0. , 0. , 0. , 0. ]], dtype=float32)
    """

    learning_rate: float = field(init=False)
    base: SGD | Adagrad | Adam
    l1: float = field(default=0.0, kw_only=True)
    l2: float = field(default=0.0, kw_only=True)
    l21: float = field(default=0.0, kw_only=True)
    form: Form = field(default="prox", kw_only=True)
    _FORMS: ClassVar[tuple[str, ...]] = get_args(Form)

    def __post_init__(self) -> None:
        if self.form not in self._FORMS:
            raise BadConfiguration(f"GroupLasso.form must be one of {', '.join(self._FORMS)}, not {self.form!r}")
        if not isinstance(self.base, SGD | Adagrad | Adam):
            raise BadConfiguration(f"GroupLasso.base must be SGD, Adagrad or Adam, not {self.base!r}")
        if isinstance(self.base, SGD) and self.form != "prox":
            raise BadConfiguration(
                f'GroupLasso.form "{self.form}" needs Adagrad or Adam as its base; SGD has only prox'
            )
        for name in ("l1", "l2", "l21"):
            self._require(name, getattr(self, name), minimum=0.0)
        object.__setattr__(self, "learning_rate", self.base.learning_rate)

    @property
    def kind(self) -> str:
        """The core's name for the formula."""
        return f"{self.form}:{self.base.kind}"

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The base's slots, and the pull where the form keeps it."""
        return self.base.slot_names + (() if self.form == "prox" else ("pull",))

    @property
    def slot_starts(self) -> tuple[float, ...]:
        """What the slots of a row hold before its first step."""
        return self.base.slot_starts + (() if self.form == "prox" else (0.0,))

    def options(self) -> dict[str, float]:
        """Return what the core is told beside the kind."""
        return self.base.options() | {"l1": self.l1, "l2": self.l2, "l21": self.l21}
