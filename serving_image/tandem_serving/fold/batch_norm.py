r"""S2: what scales and shifts columns by weights goes into the neighbouring dense layers, in both directions.

Batch norm at inference is :math:`x \odot s + t` with :math:`s = \gamma / \sqrt{v + \epsilon}` and
:math:`t = \beta - m \odot s`, which depend on weights only:

.. math::
   (x W + b) \odot s + t &= x (W \,\mathrm{diag}\,s) + (b \odot s + t) \\
   (x \odot s + t) W + b &= x (\mathrm{diag}\,s\; W) + (t W + b)

Nothing moves through an activation: relu(x ⊙ s) is relu(x) ⊙ s for positive s only, and the sign of live weights is
not known.
"""

import numpy as np

from tandem_serving.fold import make
from tandem_serving.fold.facts import Source
from tandem_serving.fold.graph import Graph, Node, Ref
from tandem_serving.fold.simplify import free, is_float, is_last_concat
from tandem_serving.fold.sizes import Size


def _by_columns(graph: Graph, node: Node, op: str) -> bool:
    """Return whether a node is x · w or x + w, where w has one weight per column of x or one for all."""
    if node.op != op or not is_float(graph, node.out):
        return False
    x, w = node.inputs
    if graph.fact(x).source is not Source.FEATURES or not free(graph, w) or not is_float(graph, w):
        return False
    width, lengths = _width(graph, x), graph.fact(w).shape
    if width is None or lengths is None or graph.fact(x).shape != graph.fact(node.out).shape:
        return False
    return all(n == Size(1) for n in lengths[:-1]) and (lengths[-1:] or (Size(1),))[0] in (Size(1), Size(width))


def _width(graph: Graph, x: Ref) -> int | None:
    shape = graph.fact(x).shape
    last = shape[-1] if shape else None
    return None if last is None or last.batch else last.units


def _dense(graph: Graph, node: Node) -> bool:
    """Return whether a node is x · W with a plain kernel of weights."""
    return (
        node.op == "MatMul"
        and is_float(graph, node.out)
        and not (node.flag("transpose_a") or node.flag("transpose_b"))
        and not free(graph, node.inputs[0])
        and free(graph, node.inputs[1])
        and graph.fact(node.out).shape is not None
        and is_float(graph, node.inputs[1])
    )


def _columns(graph: Graph, w: Ref, width: int) -> Ref:
    found = make.column(graph, w, width)
    if found is None:
        raise AssertionError(f"{w} was checked to be one weight per column")
    return found


def scale_after(graph: Graph, node: Node) -> Ref | None:
    """Write (x W) ⊙ s as x (W diag s), where nothing else reads x W."""
    if not _by_columns(graph, node, "Mul"):
        return None
    product, s = node.inputs
    inner, width = graph.node(product), _width(graph, product)
    if width is None or not _dense(graph, inner) or graph.uses(product) > 1:
        return None
    x, w = inner.inputs
    return make.matmul(graph, x, make.binary(graph, "Mul", w, _columns(graph, s, width)))


def scale_after_shift(graph: Graph, node: Node) -> Ref | None:
    """Write (x + t) ⊙ s as x ⊙ s + t ⊙ s, where nothing else reads x + t."""
    if not _by_columns(graph, node, "Mul"):
        return None
    inner, s = graph.node(node.inputs[0]), node.inputs[1]
    if not _by_columns(graph, inner, "AddV2") or graph.uses(inner.out) > 1:
        return None
    x, t = inner.inputs
    return make.binary(graph, "AddV2", make.binary(graph, "Mul", x, s), make.binary(graph, "Mul", t, s))


def twice(graph: Graph, node: Node) -> Ref | None:
    """Write (x + t) + u as x + (t + u), and (x ⊙ s) ⊙ r as x ⊙ (s ⊙ r), where nothing else reads the middle."""
    if node.op not in ("Mul", "AddV2") or not _by_columns(graph, node, node.op):
        return None
    inner = graph.node(node.inputs[0])
    if not _by_columns(graph, inner, node.op) or graph.uses(inner.out) > 1:
        return None
    return make.binary(graph, node.op, inner.inputs[0], make.binary(graph, node.op, inner.inputs[1], node.inputs[1]))


def scale_before(graph: Graph, node: Node) -> Ref | None:
    """Write (x ⊙ s) W as x (diag s W)."""
    if not _dense(graph, node):
        return None
    inner, width = graph.node(node.inputs[0]), _width(graph, node.inputs[0])
    if width is None or not _by_columns(graph, inner, "Mul"):
        return None
    rows = make.reshape(graph, _columns(graph, inner.inputs[1], width), (Size(width), Size(1)))
    return make.matmul(graph, inner.inputs[0], make.binary(graph, "Mul", node.inputs[1], rows))


def shift_before(graph: Graph, node: Node) -> Ref | None:
    """Write (x + t) W as x W + t W."""
    if not _dense(graph, node):
        return None
    inner, width = graph.node(node.inputs[0]), _width(graph, node.inputs[0])
    out = _width(graph, node.out)
    if width is None or out is None or not _by_columns(graph, inner, "AddV2"):
        return None
    row = make.reshape(graph, _columns(graph, inner.inputs[1], width), (Size(1), Size(width)))
    shift = make.reshape(graph, make.matmul(graph, row, node.inputs[1]), (Size(out),))
    return make.binary(graph, "AddV2", make.matmul(graph, inner.inputs[0], node.inputs[1]), shift)


def after_concat(graph: Graph, node: Node) -> Ref | None:
    """Scale or shift a concatenation instead of its parts, where only dense layers read it and take that in."""
    if not is_last_concat(graph, node) or not graph.users(node.out) or node.out in graph.outputs:
        return None
    if not all(_takes_in(graph, user, node.out) for user in graph.users(node.out)):
        return None
    parts = node.inputs[:-1]
    for op, neutral in (("AddV2", 0.0), ("Mul", 1.0)):
        inner = [graph.node(ref) for ref in parts]
        moved = [_by_columns(graph, part, op) and graph.uses(part.out) == 1 for part in inner]
        widths = [_width(graph, ref) for ref in parts]
        if any(moved) and None not in widths:
            weights = [
                _columns(graph, part.inputs[1], width or 0)
                if move
                else make.constant(graph, np.full(width or 0, neutral), np.float32)
                for part, move, width in zip(inner, moved, widths, strict=True)
            ]
            whole = make.side_by_side(
                graph, [part.inputs[0] if move else ref for part, move, ref in zip(inner, moved, parts, strict=True)]
            )
            return make.binary(graph, op, whole, make.side_by_side(graph, weights))
    return None


def _takes_in(graph: Graph, user: Node, x: Ref) -> bool:
    return (_dense(graph, user) and user.inputs[0] == x) or any(_by_columns(graph, user, op) for op in ("Mul", "AddV2"))


def fused(graph: Graph, node: Node) -> Ref | None:
    """FusedBatchNormV3 at inference, channels last, is a scale and a shift by weights."""
    if node.op != "FusedBatchNormV3" or not is_float(graph, node.out):
        return None
    layout, training, epsilon = (node.attr(name) for name in ("data_format", "is_training", "epsilon"))
    last = layout is None or layout.s == b"NHWC"
    x, gamma, beta, mean, variance = node.inputs
    others = [ref for user in graph.readers(node.name) for ref in user.inputs if ref.node == node.name and ref.output]
    if training is None or training.b or not last or others or not all(free(graph, ref) for ref in node.inputs[1:]):
        return None
    small = make.constant(graph, 1e-4 if epsilon is None else epsilon.f, np.float32)
    root = make.unary(graph, "Rsqrt", make.binary(graph, "AddV2", variance, small))
    scale = make.binary(graph, "Mul", gamma, root)
    shift = make.binary(graph, "Sub", beta, make.binary(graph, "Mul", mean, scale))
    return make.binary(graph, "AddV2", make.binary(graph, "Mul", x, scale), shift)


def vector_bias(graph: Graph, node: Node) -> Ref | None:
    """What is added to a dense layer is one vector, whatever its shape was."""
    if not _by_columns(graph, node, "AddV2") or not _dense(graph, graph.node(node.inputs[0])):
        return None
    x, t = node.inputs
    width = _width(graph, x)
    if width is None or graph.fact(t).shape == (Size(width),):
        return None
    return make.binary(graph, "AddV2", x, _columns(graph, t, width))


RULES = (fused, scale_after, scale_after_shift, twice, scale_before, shift_before, after_concat, vector_bias)
