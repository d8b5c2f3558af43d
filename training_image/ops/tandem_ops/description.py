"""A table's options as the text that its op takes; ``src/kernels/description.cc`` reads it.

Lines ``name=value``. An option is a field of :class:`Options` and a line there; one that is absent has the core's
default, so that a graph saved before an option existed still loads.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from tandem_ops.admission import Admission
from tandem_ops.errors import BadConfiguration
from tandem_ops.initializers import Initializer
from tandem_ops.optimizers import Optimizer

MAX_DIM = 65536
AtLimit = Literal["refuse", "evict"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a table is described as; :class:`tandem_ops.HashVariable` says what each means.

    Raises:
      BadConfiguration: an option is out of its range.

    Example:
      >>> from tandem_ops import SGD, Bernoulli, Uniform
      >>> print(Options("t", 4, Uniform(0.05), SGD(0.1), -1, Bernoulli(0.5), 0.0, 0, "refuse").text)
      dim=4
      seed=18446744073709551615
      initializer=uniform
      initializer.scale=0.05
      optimizer=sgd
      admission=bernoulli
      admission.confidence=0.5
      default_value=0.0
      max_bytes=0
      at_limit=refuse
    """

    name: str
    dim: int
    initializer: Initializer
    optimizer: Optimizer
    seed: int
    admission: Admission
    default_value: float
    max_bytes: int
    at_limit: AtLimit

    def __post_init__(self) -> None:
        if not self.name:
            raise BadConfiguration("HashVariable.name must not be empty: messages name the table by it")
        largest = float(2**127 * (2 - 2**-23))
        self._require(1 <= self.dim <= MAX_DIM, f"dim must be in 1 … {MAX_DIM}, not {self.dim}")
        self._require(-(2**63) <= self.seed < 2**63, f"seed must fit into int64, not {self.seed}")
        self._require(0 <= self.max_bytes < 2**63, f"max_bytes must be in 0 … 2⁶³ - 1, not {self.max_bytes}")
        self._require(
            math.isfinite(self.default_value) and abs(self.default_value) <= largest,
            f"default_value must be a finite float32, not {self.default_value}",
        )
        self._require(
            self.at_limit in get_args(AtLimit), f"at_limit must be 'refuse' or 'evict', not {self.at_limit!r}"
        )

    @property
    def text(self) -> str:
        """The lines that the op reads; a negative seed stands for its two's complement."""
        options: dict[str, str | float] = {
            "dim": self.dim,
            "seed": self.seed % 2**64,
            "initializer": self.initializer.kind,
            "initializer.scale": float(self.initializer.parameter),
            "optimizer": self.optimizer.kind,
            **_of("optimizer", self.optimizer.options()),
            "admission": self.admission.kind,
            **_of("admission", self.admission.options()),
            "default_value": float(self.default_value),
            "max_bytes": self.max_bytes,
            "at_limit": self.at_limit,
        }
        return "\n".join(f"{name}={value}" for name, value in options.items())

    def _require(self, holds: bool, why: str) -> None:  # noqa: FBT001 (a condition)
        if not holds:
            raise BadConfiguration(f'HashVariable "{self.name}": {why}')


def _of(part: str, options: Mapping[str, float]) -> dict[str, float]:
    return {f"{part}.{name}": float(value) for name, value in options.items()}
