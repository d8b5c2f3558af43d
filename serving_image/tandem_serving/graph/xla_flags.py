"""The flags that XLA is started with, only of those that the pinned TensorFlow knows: an unknown one ends the process.

Names and values were tried on TensorFlow 2.21 (``tests/serving/graph/test_xla_flags.py`` tries them again).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tandem_wire.errors import InvalidValue

VARIABLE: Final = "XLA_FLAGS"
TENSORFLOW: Final = "2.21"
"""What the list below belongs to."""


class Command(StrEnum):
    """What XLA may record into a command buffer."""

    FUSION = "FUSION"
    CUBLAS = "CUBLAS"
    CUBLASLT = "CUBLASLT"
    CUDNN = "CUDNN"
    CUSTOM_CALL = "CUSTOM_CALL"
    COLLECTIVES = "COLLECTIVES"
    DYNAMIC_SLICE_FUSION = "DYNAMIC_SLICE_FUSION"
    CONDITIONAL = "CONDITIONAL"
    WHILE = "WHILE"


class Scheduling(StrEnum):
    """How commands of one buffer depend on each other."""

    SERIALIZE = "SERIALIZE"
    CONCURRENT = "CONCURRENT"
    LHS = "LHS"


COMMANDS: Final = "xla_gpu_enable_command_buffer"
MIN_SIZE: Final = "xla_gpu_graph_min_graph_size"
SCHEDULING: Final = "xla_gpu_command_buffer_scheduling_mode"
KNOWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        COMMANDS: f"names of {', '.join(Command)} with commas between; nothing: no command buffers",
        MIN_SIZE: "a number from 1",
        SCHEDULING: f"one of {', '.join(Scheduling)}",
    }
)


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """How XLA uses CUDA graphs.

    Args:
      commands: what is recorded; none: every operation is launched by itself.
      min_size: fewer commands in a row than this are not recorded; 1 records all.
      scheduling: how commands of one buffer depend on each other.
    """

    commands: tuple[Command, ...] = (
        Command.FUSION,
        Command.CUBLAS,
        Command.CUBLASLT,
        Command.CUDNN,
        Command.CUSTOM_CALL,
    )
    min_size: int = 1
    scheduling: Scheduling = Scheduling.SERIALIZE

    def text(self) -> str:
        """Write them as XLA reads them."""
        return " ".join(
            (
                f"--{COMMANDS}={','.join(self.commands)}",
                f"--{MIN_SIZE}={self.min_size}",
                f"--{SCHEDULING}={self.scheduling}",
            )
        )


WITHOUT: Final = GraphSettings(commands=())
"""Kernel by kernel, to compare or to find a fault."""


def checked(text: str) -> str:
    """Check what somebody set as XLA_FLAGS, and return it as it is.

    Raises:
      InvalidValue: naming the flag that is unknown or has a value that XLA refuses.
    """
    seen: set[str] = set()
    for word in text.split():
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not equals:
            raise InvalidValue(VARIABLE, f"{word!r} must be written as --name=value")
        if name not in KNOWN:
            raise InvalidValue(
                VARIABLE,
                f"--{name} is not among the flags that were tried on TensorFlow {TENSORFLOW}, where an unknown one "
                f"ends the process; known: {', '.join(f'--{known}' for known in KNOWN)}",
            )
        if name in seen:
            raise InvalidValue(VARIABLE, f"--{name} stands twice")
        seen.add(name)
        if not _good(name, value):
            raise InvalidValue(VARIABLE, f"--{name}={value} must be {KNOWN[name]}")
    return text


def _good(name: str, value: str) -> bool:
    if name == COMMANDS:
        return value == "" or all(part in set(Command) for part in value.split(","))
    if name == MIN_SIZE:
        return value.isascii() and value.isdecimal() and 1 <= int(value) < 2**31
    return value in set(Scheduling)


def environment(settings: GraphSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """What is added to the environment of the process that computes.

    Args:
      settings: of the graph.
      inherited: the environment so far. Flags that it has win over the settings', each by itself.

    Raises:
      InvalidValue: the inherited flags are not known.
    """
    own = checked(inherited.get(VARIABLE, ""))
    named = {word.partition("=")[0] for word in own.split()}
    words = [word for word in settings.text().split() if word.partition("=")[0] not in named]
    added = {VARIABLE: " ".join([*own.split(), *words])}
    # Answers must agree with the CPU's to 1e-5; TF32 has ten bits.
    return added if "NVIDIA_TF32_OVERRIDE" in inherited else added | {"NVIDIA_TF32_OVERRIDE": "0"}
