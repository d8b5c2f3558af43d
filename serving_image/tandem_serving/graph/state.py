"""What this pod was asked to capture."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tandem_wire.config import ServerConfig
from tandem_wire.errors import InvalidValue

from tandem_serving.errors import ConfigError
from tandem_serving.graph.buckets import Buckets
from tandem_serving.graph.xla_flags import WITHOUT, GraphSettings, environment


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator asked for.

    Attributes:
      device: the engine's flag ``--graph``: off, gpu, or any for tests.
      environment: what the engine is started with beside this program's own.
      exclude: what stays outside; None: nothing is captured.
    """

    device: str = "off"
    environment: Mapping[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] | None = None


def asked(config: ServerConfig, inherited: Mapping[str, str]) -> Asked:
    """Read it from the configuration; only pods with GPUs are given batch sizes.

    Raises:
      ConfigError: batch sizes or XLA's flags are not what the engine takes, by name.
    """
    if not config.batch_sizes:
        return Asked()
    try:
        Buckets.of(config.batch_sizes)
        told = environment(GraphSettings() if config.cuda_graph else WITHOUT, inherited)
    except InvalidValue as error:
        raise ConfigError("BadGraphSettings", f"serving.gpu.cudaGraph: {error}") from error
    return Asked("gpu", told, config.exclude_ops)
