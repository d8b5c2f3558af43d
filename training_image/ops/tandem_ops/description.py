"""A table's options as the text that its op takes; ``src/kernels/description.cc`` reads it.

Lines ``name=value``. An option is one entry here and one line there; one that is absent has the core's default, so
that a graph saved before an option existed still loads.
"""

from collections.abc import Mapping

from tandem_ops.initializers import Initializer
from tandem_ops.optimizers import Optimizer


def describe(*, dim: int, seed: int, initializer: Initializer, optimizer: Optimizer) -> str:
    """Write the options of a table.

    Args:
      dim: values per row.
      seed: of the initializer; a negative one stands for its two's complement.
      initializer: how rows begin.
      optimizer: how rows learn; its learning rate comes with each step instead.

    Example:
      >>> from tandem_ops import SGD, Uniform
      >>> print(describe(dim=4, seed=-1, initializer=Uniform(0.05), optimizer=SGD(0.1)))
      dim=4
      seed=18446744073709551615
      initializer=uniform
      initializer.scale=0.05
      optimizer=sgd
    """
    options: dict[str, str | float] = {
        "dim": dim,
        "seed": seed % 2**64,
        "initializer": initializer.kind,
        "initializer.scale": float(initializer.parameter),
        "optimizer": optimizer.kind,
        **_of("optimizer", optimizer.options()),
    }
    return "\n".join(f"{name}={value}" for name, value in options.items())


def _of(part: str, options: Mapping[str, float]) -> dict[str, float]:
    return {f"{part}.{name}": float(value) for name, value in options.items()}
