"""How the rows of a table begin.

A row is a function of (initializer, the table's seed, key) alone: whenever and wherever it is born, it is the same,
bit for bit. ``src/core/initializer.h`` says how.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from tandem_ops.errors import BadConfiguration


@dataclass(frozen=True, slots=True)
class Initializer:
    """Base of the initializers; ``kind`` names the core's formula, ``parameter`` is the formula's one."""

    kind: ClassVar[str]

    @property
    def parameter(self) -> float:
        """What the core is told; 0 where the formula has none."""
        return 0.0


@dataclass(frozen=True, slots=True)
class Zeros(Initializer):
    """Every value is 0."""

    kind: ClassVar[str] = "zeros"


@dataclass(frozen=True, slots=True)
class Uniform(Initializer):
    """Uniform over (-scale, scale), symmetric about 0.

    Args:
      scale: the half width; positive and finite.

    Raises:
      BadConfiguration: it is not.
    """

    scale: float
    kind: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        _require_positive("Uniform.scale", self.scale)

    @property
    def parameter(self) -> float:
        """The half width."""
        return self.scale


@dataclass(frozen=True, slots=True)
class TruncatedNormal(Initializer):
    """A normal distribution around 0, conditioned on two standard deviations.

    Args:
      stddev: of the normal before it is cut, as TensorFlow counts; positive and finite.

    Raises:
      BadConfiguration: it is not.
    """

    stddev: float
    kind: ClassVar[str] = "truncated_normal"

    def __post_init__(self) -> None:
        _require_positive("TruncatedNormal.stddev", self.stddev)

    @property
    def parameter(self) -> float:
        """The standard deviation."""
        return self.stddev


def _require_positive(what: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise BadConfiguration(f"{what} must be positive and finite, not {value}")
