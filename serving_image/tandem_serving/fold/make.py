"""Adds TensorFlow's operations to a graph, with the attributes that they need; float32 unless said otherwise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow.core.framework import attr_value_pb2
from tensorflow.python.framework import tensor_util

from tandem_serving.fold.facts import FLOAT, INT32
from tandem_serving.fold.graph import Graph, Ref
from tandem_serving.fold.sizes import Shape, Size, integers


def type_attr(dtype: int) -> Any:  # noqa: ANN401 - a protobuf message
    """Return an attribute that names a type."""
    return attr_value_pb2.AttrValue(type=dtype)


def shape_attr(shape: Shape) -> Any:  # noqa: ANN401 - a protobuf message
    """Return an attribute that holds a shape; -1 where a length depends on the batch or is not known."""
    attr = attr_value_pb2.AttrValue()
    attr.shape.SetInParent()
    for size in shape:
        attr.shape.dim.add(size=-1 if size is None or size.batch else size.units)
    return attr


def constant(graph: Graph, value: npt.ArrayLike, dtype: type[np.generic]) -> Ref:
    """Add a constant of numpy's type ``dtype``."""
    proto = tensor_util.make_tensor_proto(np.asarray(value, dtype))
    attrs = {"value": attr_value_pb2.AttrValue(tensor=proto), "dtype": type_attr(proto.dtype)}
    return graph.add("Const", (), attrs)


def ints(graph: Graph, *values: int) -> Ref:
    """Add an int32 vector."""
    return constant(graph, values, np.int32)


def unary(graph: Graph, op: str, x: Ref) -> Ref:
    """Add an operation with the one attribute T."""
    return graph.add(op, (x,), {"T": type_attr(FLOAT)})


def binary(graph: Graph, op: str, a: Ref, b: Ref) -> Ref:
    """Add an operation with the one attribute T."""
    return graph.add(op, (a, b), {"T": type_attr(FLOAT)})


def matmul(graph: Graph, a: Ref, b: Ref) -> Ref:
    """Add a · b, both of rank two."""
    no = attr_value_pb2.AttrValue(b=False)
    return graph.add("MatMul", (a, b), {"T": type_attr(FLOAT), "transpose_a": no, "transpose_b": no})


def transpose(graph: Graph, x: Ref) -> Ref:
    """Add the transpose of a matrix."""
    return graph.add("Transpose", (x, ints(graph, 1, 0)), {"T": type_attr(FLOAT), "Tperm": type_attr(INT32)})


def reshape(graph: Graph, x: Ref, shape: Shape) -> Ref:
    """Add a Reshape, or return ``x`` where it has the shape already; see ``can_reshape``."""
    if graph.fact(x).shape == shape:
        return x
    target = ints(graph, *(-1 if size is None or size.batch else size.units for size in shape))
    attrs = {"T": type_attr(graph.fact(x).dtype or FLOAT), "Tshape": type_attr(INT32)}
    return graph.add("Reshape", (x, target), attrs)


def can_reshape(shape: Shape | None) -> bool:
    """Return whether a constant can name this shape: all is known, and one axis at most depends on the batch."""
    return shape is not None and None not in shape and sum(size is not None and size.batch for size in shape) <= 1


def spread(graph: Graph, x: Ref, shape: Sequence[int]) -> Ref:
    """Add a BroadcastTo, or return ``x`` where it has the shape already."""
    if graph.fact(x).shape == tuple(Size(n) for n in shape):
        return x
    attrs = {"T": type_attr(FLOAT), "Tidx": type_attr(INT32)}
    return graph.add("BroadcastTo", (x, ints(graph, *shape)), attrs)


def side_by_side(graph: Graph, parts: Sequence[Ref]) -> Ref:
    """Add a ConcatV2 along the last axis."""
    shape = graph.fact(parts[0]).shape
    if shape is None:
        raise ValueError("parts to concatenate must have a known rank")
    attrs = {"T": type_attr(FLOAT), "Tidx": type_attr(INT32), "N": attr_value_pb2.AttrValue(i=len(parts))}
    axis = constant(graph, len(shape) - 1, np.int32)
    return graph.add("ConcatV2", (*parts, axis), attrs)


def below(graph: Graph, parts: Sequence[Ref]) -> Ref:
    """Add a ConcatV2 of matrices along their rows."""
    attrs = {"T": type_attr(FLOAT), "Tidx": type_attr(INT32), "N": attr_value_pb2.AttrValue(i=len(parts))}
    return graph.add("ConcatV2", (*parts, constant(graph, 0, np.int32)), attrs)


def some_rows(graph: Graph, x: Ref, begin: int, count: int) -> Ref:
    """Add a Slice of a matrix: ``count`` rows from ``begin`` on."""
    attrs = {"T": type_attr(FLOAT), "Index": type_attr(INT32)}
    return graph.add("Slice", (x, ints(graph, begin, 0), ints(graph, count, -1)), attrs)


def column(graph: Graph, x: Ref, width: int) -> Ref | None:
    """Return one weight per column: a vector of ``width``, or None where ``x`` is none.

    Args:
      graph: it may gain nodes that depend on weights only.
      x: float32, free of features; lengths are one but for the last axis, which is one or ``width``.
      width: how many columns.
    """
    fact = graph.fact(x)
    lengths = None if fact.shape is None else integers(fact.shape)
    if (
        fact.dtype != FLOAT
        or lengths is None
        or any(n != 1 for n in lengths[:-1])
        or (lengths[-1:] or (1,))[0]
        not in (
            1,
            width,
        )
    ):
        return None
    last = (lengths[-1:] or (1,))[0]
    return spread(graph, reshape(graph, x, (Size(last),)), (width,))
