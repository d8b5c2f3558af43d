"""What can be told of a tensor before any batch is seen: type, shape, small integer values, what it depends on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import op_def_registry

from tandem_serving.fold import shapes
from tandem_serving.fold.sizes import Length, Shape
from tandem_serving.fold.values import evaluate

FLOAT = int(types_pb2.DT_FLOAT)
INT32 = int(types_pb2.DT_INT32)
INT64 = int(types_pb2.DT_INT64)
BOOL = int(types_pb2.DT_BOOL)


class Source(IntEnum):
    """What a tensor depends on; a node depends on the greatest of its inputs'."""

    CONSTANT = 0
    WEIGHTS = 1
    FEATURES = 2


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one tensor; None is not known.

    Attributes:
      dtype: TensorFlow's number of the type.
      shape: the length of each axis.
      value: the elements of a small integer tensor, in row-major order; they may depend on the batch.
      source: what it depends on.
    """

    dtype: int | None = None
    shape: Shape | None = None
    value: tuple[Length, ...] | None = None
    source: Source = Source.FEATURES


def infer(op: str, attrs: Mapping[str, Any], inputs: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return a fact for each output that is known; at least one.

    An operation that is not in stock TensorFlow, or has effects, counts as if it read a feature: it stays where it is.
    """
    source = max((fact.source for fact in inputs), default=Source.CONSTANT)
    if not _pure(op):
        source = Source.FEATURES
    known = shapes.outputs(op, attrs, [fact.shape for fact in inputs], [fact.value for fact in inputs])
    dtype = _dtype(op, attrs)
    if not known:
        return (Fact(dtype, None, None, source),)
    value = evaluate(op, attrs, [(f.shape, f.value) for f in inputs]) if dtype in (INT32, INT64) else None
    return (Fact(dtype, known[0], value, source), *(Fact(dtype, shape, None, source) for shape in known[1:]))


def _pure(op: str) -> bool:
    definition = op_def_registry.get(op)
    return definition is not None and not definition.is_stateful and op not in ("Placeholder", "PlaceholderV2")


_TYPES: Mapping[str, Callable[[Mapping[str, Any]], int | None]] = {
    "Const": lambda attrs: _type(attrs, "dtype"),
    "Placeholder": lambda attrs: _type(attrs, "dtype"),
    "Cast": lambda attrs: _type(attrs, "DstT"),
    "Shape": lambda attrs: _type(attrs, "out_type") or INT32,
    "Size": lambda attrs: _type(attrs, "out_type") or INT32,
    "Rank": lambda _: INT32,
    "GatherV2": lambda attrs: _type(attrs, "Tparams"),
    "Range": lambda attrs: _type(attrs, "Tidx") or INT32,
} | dict.fromkeys(shapes.COMPARISONS, lambda _: BOOL)


def _dtype(op: str, attrs: Mapping[str, Any]) -> int | None:
    return _TYPES[op](attrs) if op in _TYPES else _type(attrs, "T") if shapes.known(op) else None


def _type(attrs: Mapping[str, Any], name: str) -> int | None:
    return int(attrs[name].type) if name in attrs else None
