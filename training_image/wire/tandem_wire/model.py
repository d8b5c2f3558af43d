"""model.json: how a server turns inputs into answers (FORMAT.md, Objects)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from tandem_wire.codec import JsonValue
from tandem_wire.errors import InvalidValue


class DType(StrEnum):
    """The type of an input or output."""

    INT64 = "int64"
    STRING = "string"
    FLOAT32 = "float32"


class Pooling(StrEnum):
    """How the rows of one input become one vector."""

    NONE = "none"
    SUM = "sum"
    MEAN = "mean"


class Side(StrEnum):
    """Whom an input tells of: the one who asks, or each candidate of a request."""

    USER = "user"
    ITEM = "item"


class Group(StrEnum):
    """Whether a table changes with every swift update or with bases only."""

    FREEZING = "freezing"
    CHANGING = "changing"


@dataclass(frozen=True, slots=True)
class InputSpec(JsonValue):
    """One input of shape (batch, length); without a table it goes into the graph as it is (float32).

    An input of the user's side may come as one row beside inputs with a row per candidate.
    """

    name: str
    dtype: DType
    table: str | None
    pooling: Pooling
    length: int
    side: Side = Side.ITEM

    def __post_init__(self) -> None:
        if self.length < 1:
            raise InvalidValue("length", f"{self.length} must be at least 1")
        if (self.table is None) != (self.dtype is DType.FLOAT32):
            raise InvalidValue("dtype", f"input {self.name!r}: ids (int64, string) need a table, float32 has none")


@dataclass(frozen=True, slots=True)
class TableSpec(JsonValue):
    """One embedding table."""

    name: str
    dim: int
    group: Group

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise InvalidValue("dim", f"{self.dim} must be at least 1")


@dataclass(frozen=True, slots=True)
class WeightSpec(JsonValue):
    """One dense weight or moving statistic, float32."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DenseSpec(JsonValue):
    """The dense graph: an object with a GraphDef, and the names of its tensors."""

    graph: str
    features: tuple[str, ...]
    feature_inputs: tuple[str, ...] = field(metadata={"json": "feature_inputs"})
    weight_inputs: tuple[str, ...] = field(metadata={"json": "weight_inputs"})
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.features) != len(self.feature_inputs):
            raise InvalidValue("feature_inputs", "must have one entry for each of features")


@dataclass(frozen=True, slots=True)
class OutputSpec(JsonValue):
    """One answer, (batch,) float32 probabilities of a task."""

    name: str
    dtype: DType
    task: str


@dataclass(frozen=True, slots=True)
class ModelSpec(JsonValue):
    """The whole model.json; its parts must fit together."""

    FORMAT: ClassVar[str] = "tandem.model/1"

    name: str
    inputs: tuple[InputSpec, ...]
    tables: tuple[TableSpec, ...]
    weights: tuple[WeightSpec, ...]
    dense: DenseSpec
    outputs: tuple[OutputSpec, ...]

    def __post_init__(self) -> None:
        inputs = _distinct("inputs", (i.name for i in self.inputs))
        tables = _distinct("tables", (t.name for t in self.tables))
        _distinct("weights", (w.name for w in self.weights))
        _distinct("outputs", (o.name for o in self.outputs))
        for spec in self.inputs:
            if spec.table is not None and spec.table not in tables:
                raise InvalidValue("inputs", f"input {spec.name!r} reads table {spec.table!r}, which is not in tables")
        if set(self.dense.features) != inputs:
            raise InvalidValue("dense.features", "must be the names of the inputs")
        if len(self.dense.weight_inputs) != len(self.weights):
            raise InvalidValue("dense.weight_inputs", "must have one entry for each of weights")
        if len(self.dense.outputs) != len(self.outputs):
            raise InvalidValue("dense.outputs", "must have one entry for each of outputs")

    def table(self, name: str) -> TableSpec:
        """Return the table of this name; KeyError when there is none."""
        for spec in self.tables:
            if spec.name == name:
                return spec
        raise KeyError(name)

    def width(self, spec: InputSpec) -> int:
        """Return how many float32 one sample of this input gives to the graph."""
        if spec.table is None:
            return spec.length
        dim = self.table(spec.table).dim
        return dim * spec.length if spec.pooling is Pooling.NONE else dim


def _distinct(field_name: str, names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidValue(field_name, f"{name!r} stands twice")
        seen.add(name)
    return seen
