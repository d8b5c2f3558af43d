"""Rules that bring a graph into the forms that the other rules know; none changes an answer.

A value that does not depend on features stands second in Mul and AddV2; a MatMul's kernel is not transposed; every
change of shape is a Reshape to a constant; Sub, RealDiv and BiasAdd are AddV2 and Mul where weights come second.
"""

import numpy as np
from tensorflow.python.framework import tensor_util

from tandem_serving.fold import make
from tandem_serving.fold.facts import FLOAT, INT32, INT64, Source
from tandem_serving.fold.graph import Graph, Node, Ref
from tandem_serving.fold.sizes import Size, integers

_NOTHING = frozenset({"Identity", "StopGradient", "PreventGradient", "Snapshot", "PlaceholderWithDefault"})


def free(graph: Graph, ref: Ref) -> bool:
    """Return whether a tensor does not depend on features."""
    return graph.fact(ref).source is not Source.FEATURES


def is_float(graph: Graph, ref: Ref) -> bool:
    """Return whether a tensor is float32."""
    return graph.fact(ref).dtype == FLOAT


def skip_nothing(graph: Graph, node: Node) -> Ref | None:
    """Identity(x) is x, and so is a Cast to the same type."""
    if node.op in _NOTHING:
        return node.inputs[0]
    if node.op == "EnsureShape":
        shape, asked = graph.fact(node.inputs[0]).shape, node.attrs["shape"].shape
        lengths = [-1 if size is None or size.batch else size.units for size in shape or ()]
        wanted = [dim.size for dim in asked.dim]
        holds = len(lengths) == len(wanted) and all(b in (-1, a) for a, b in zip(lengths, wanted, strict=True))
        return node.inputs[0] if asked.unknown_rank or (shape is not None and holds) else None
    if node.op == "Cast" and graph.fact(node.inputs[0]).dtype == graph.fact(node.out).dtype is not None:
        return node.inputs[0]
    return None


def skip_identities(graph: Graph) -> None:
    """Each output of an IdentityN is its input; functions with gradients of their own end in one."""
    for node in graph.order():
        if node.op == "IdentityN":
            for i, ref in enumerate(graph.node(node.out).inputs if node.name in graph else ()):
                graph.replace(Ref(node.name, i), ref)


def skip_same_shape(graph: Graph, node: Node) -> Ref | None:
    """What only changes a shape, and does not change it, is not needed; nor is a concatenation of one."""
    if node.op == "ConcatV2" and len(node.inputs) == 2:  # noqa: PLR2004 - one part and the axis
        return node.inputs[0]
    if node.op in ("Reshape", "BroadcastTo", "Tile", "Slice"):
        shape = graph.fact(node.inputs[0]).shape
        same = shape is not None and None not in shape and shape == graph.fact(node.out).shape
        return node.inputs[0] if same else None
    if node.op == "Transpose":
        order = graph.fact(node.inputs[1]).value
        return node.inputs[0] if order is not None and integers(order) == tuple(range(len(order))) else None
    return None


def know_integers(graph: Graph, node: Node) -> Ref | None:
    """A small integer tensor whose elements do not depend on the batch is a constant."""
    fact = graph.fact(node.out)
    if fact.value is None or fact.shape is None or fact.dtype not in (INT32, INT64):
        return None
    lengths, value = integers(fact.shape), integers(fact.value)
    if lengths is None or value is None:
        return None
    return make.constant(graph, np.reshape(value, lengths), np.int32 if fact.dtype == INT32 else np.int64)


def reshape_by_constant(graph: Graph, node: Node) -> Ref | None:
    """Squeeze, ExpandDims and a Reshape to a computed shape become a Reshape to a constant; two in a row are one."""
    if node.op not in ("Squeeze", "ExpandDims", "Reshape") or not is_float(graph, node.out):
        return None
    shape = graph.fact(node.out).shape
    if shape is None or not make.can_reshape(shape):
        return None
    inner = graph.node(node.inputs[0])
    if inner.op == "Reshape":
        return make.reshape(graph, inner.inputs[0], shape)
    if node.op == "Reshape" and graph.node(node.inputs[1]).op == "Const":
        return None
    return make.reshape(graph, node.inputs[0], shape)


def weights_second(graph: Graph, node: Node) -> Ref | None:
    """Write w + x as x + w, w · x as x · w, and Add as AddV2."""
    if node.op not in ("Add", "AddV2", "Mul") or not is_float(graph, node.out):
        return None
    a, b = node.inputs
    if free(graph, a) and not free(graph, b):
        return make.binary(graph, "Mul" if node.op == "Mul" else "AddV2", b, a)
    return make.binary(graph, "AddV2", a, b) if node.op == "Add" else None


def bias_add(graph: Graph, node: Node) -> Ref | None:
    """BiasAdd with the channels last is AddV2."""
    if node.op != "BiasAdd" or not is_float(graph, node.out):
        return None
    layout, shape = node.attr("data_format"), graph.fact(node.out).shape
    last = layout is None or layout.s in (b"NHWC", b"") or (shape is not None and len(shape) == 2)  # noqa: PLR2004
    return make.binary(graph, "AddV2", *node.inputs) if last else None


def subtract(graph: Graph, node: Node) -> Ref | None:
    """Write x - w as x + (-w), and else y - x as x · (-1) + y, since products take the sign in."""
    if node.op not in ("Sub", "Neg") or not is_float(graph, node.out):
        return None
    if node.op == "Sub" and free(graph, node.inputs[1]):
        return make.binary(graph, "AddV2", node.inputs[0], make.unary(graph, "Neg", node.inputs[1]))
    negative = make.binary(graph, "Mul", node.inputs[-1], make.constant(graph, -1.0, np.float32))
    return negative if node.op == "Neg" else make.binary(graph, "AddV2", negative, node.inputs[0])


def square(graph: Graph, node: Node) -> Ref | None:
    """Write x² as x · x."""
    if node.op != "Square" or not is_float(graph, node.out):
        return None
    return make.binary(graph, "Mul", node.inputs[0], node.inputs[0])


def divide(graph: Graph, node: Node) -> Ref | None:
    """Write x / w as x · (1 / w)."""
    if node.op not in ("RealDiv", "Div") or not is_float(graph, node.out) or not free(graph, node.inputs[1]):
        return None
    return make.binary(graph, "Mul", node.inputs[0], make.unary(graph, "Reciprocal", node.inputs[1]))


def plain_kernel(graph: Graph, node: Node) -> Ref | None:
    """Write x · Wᵀ as x · V, the transposed kernel V being computed from the weights once."""
    if node.op != "MatMul" or not is_float(graph, node.out) or not free(graph, node.inputs[1]):
        return None
    if node.flag("transpose_a") or not node.flag("transpose_b"):
        return None
    return make.matmul(graph, node.inputs[0], make.transpose(graph, node.inputs[1]))


def relu(graph: Graph, node: Node) -> Ref | None:
    """The greater of x and zero is a Relu."""
    if node.op != "Maximum" or not is_float(graph, node.out):
        return None
    for x, zero in (node.inputs, node.inputs[::-1]):
        value = graph.node(zero).attr("value")
        scalar = graph.node(zero).op == "Const" and graph.fact(zero).shape == () and value is not None
        if scalar and not tensor_util.MakeNdarray(value.tensor).any():
            return make.unary(graph, "Relu", x)
    return None


def stacked_columns(graph: Graph, node: Node) -> Ref | None:
    """Stacking along a new last axis is concatenating columns."""
    shape, axis = graph.fact(node.out).shape, node.attr("axis")
    if node.op != "Pack" or not is_float(graph, node.out) or shape is None or not make.can_reshape(shape[:-1]):
        return None
    if axis is None or axis.i % len(shape) != len(shape) - 1:
        return None
    column = (*shape[:-1], Size(1))
    return make.side_by_side(graph, [make.reshape(graph, ref, column) for ref in node.inputs])


def flat_concat(graph: Graph, node: Node) -> Ref | None:
    """A concatenation of concatenations along the last axis is one."""
    if not is_last_concat(graph, node):
        return None
    parts: list[Ref] = []
    for ref in node.inputs[:-1]:
        inner = graph.node(ref)
        parts += inner.inputs[:-1] if is_last_concat(graph, inner) and graph.uses(ref) == 1 else [ref]
    return make.side_by_side(graph, parts) if len(parts) > len(node.inputs) - 1 else None


def is_last_concat(graph: Graph, node: Node) -> bool:
    """Return whether a node is a float32 ConcatV2 along its last axis."""
    if node.op != "ConcatV2" or not is_float(graph, node.out):
        return False
    shape, axis = graph.fact(node.out).shape, graph.fact(node.inputs[-1]).value
    plain = None if axis is None else integers(axis)
    return shape is not None and plain is not None and plain[0] % len(shape) == len(shape) - 1


RULES = (
    skip_nothing,
    know_integers,
    skip_same_shape,
    reshape_by_constant,
    bias_add,
    weights_second,
    subtract,
    square,
    divide,
    plain_kernel,
    relu,
    stacked_columns,
    flat_concat,
)
