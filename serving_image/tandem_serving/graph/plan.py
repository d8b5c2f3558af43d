"""What the engine runs as a captured graph: graph.json (``tandem.graph/1``) and the GraphDef beside it."""

from dataclasses import dataclass
from typing import ClassVar, Final

from tandem_wire.codec import canonical, dump, load, parse

PLAN: Final = "graph.json"
GRAPH: Final = "graph.pb"


@dataclass(frozen=True, slots=True)
class Held:
    """How one slot of a version gets onto the device, once, and is read there by every batch.

    Attributes:
      value: where its floats are fed.
      keep: gives a handle of them, as long as the session lives.
      held: takes that handle with each batch.
    """

    value: str
    keep: str
    held: str


@dataclass(frozen=True, slots=True)
class Forget:
    """How a handle is let go: fed into ``held`` while ``operation`` runs."""

    held: str
    operation: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Names of tensors, as ``name:0``.

    Attributes:
      graph: the file.
      features: float32 (batch, all features side by side, in the order of the program's).
      slots: in the order of the program's.
      forget: how handles are let go.
      answers: float32 (outputs, batch).
    """

    FORMAT: ClassVar[str] = "tandem.graph/1"

    graph: str
    features: str
    slots: tuple[Held, ...]
    forget: Forget
    answers: str

    def to_json(self) -> bytes:
        """Write graph.json."""
        return canonical(dump(self))

    @classmethod
    def from_json(cls, text: bytes) -> "Plan":
        """Read it.

        Raises:
          InvalidValue: naming the field.
        """
        return load(cls, parse(text))
