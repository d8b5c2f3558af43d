"""S3: dense layers on tensors of rank three and more become Reshape, MatMul, Reshape, once around a whole stack.

Products become MatMuls of matrices between two Reshapes. Then each Reshape moves towards the outputs, past what works
on single elements, until it meets the next one, and the two cancel.
"""

from tandem_serving.fold import make
from tandem_serving.fold.graph import Graph, Node, Ref
from tandem_serving.fold.shapes import ELEMENTWISE
from tandem_serving.fold.simplify import free, is_float, is_last_concat
from tandem_serving.fold.sizes import Shape, Size, integers, product

_BINARY = frozenset({"AddV2", "Mul", "Sub", "Maximum", "Minimum", "RealDiv", "SquaredDifference"})


def flat_product(graph: Graph, node: Node) -> Ref | None:
    """A BatchMatMul with a matrix of weights is one MatMul over all rows.

    Args:
      graph: the graph.
      node: any.

    Returns:
      x (…, k) · W (k, n) as Reshape (-1, k), MatMul, Reshape (…, n).
    """
    if node.op not in ("BatchMatMul", "BatchMatMulV2") or not is_float(graph, node.out):
        return None
    (x, w), out = node.inputs, graph.fact(node.out).shape
    shape, kernel = graph.fact(x).shape, graph.fact(w).shape
    if not free(graph, w) or kernel is None or len(kernel) != 2 or node.flag("adj_x"):  # noqa: PLR2004
        return None
    if shape is None or out is None or not make.can_reshape(shape) or not make.can_reshape(out):
        return None
    if node.flag("adj_y"):
        w = make.transpose(graph, w)
    rows = make.reshape(graph, x, (product(shape[:-1]), shape[-1]))
    return make.reshape(graph, make.matmul(graph, rows, w), out)


def after_single(graph: Graph, node: Node) -> Ref | None:
    """Write f(Reshape(x)) as Reshape(f(x)), where f works on single elements."""
    if node.op not in ELEMENTWISE or not is_float(graph, node.out):
        return None
    before = _reshaped(graph, node.inputs[0])
    out = graph.fact(node.out).shape
    if before is None or out is None:
        return None
    return make.reshape(graph, graph.add(node.op, (before, *node.inputs[1:]), node.attrs), out)


def after_pair(graph: Graph, node: Node) -> Ref | None:
    """Write f(Reshape(x), Reshape(y)) as Reshape(f(x, y)), where x and y have one shape, and so have the Reshapes."""
    if node.op not in _BINARY or not is_float(graph, node.out):
        return None
    a, b = (_reshaped(graph, ref) for ref in node.inputs)
    out = graph.fact(node.out).shape
    shapes = {graph.fact(ref).shape for ref in node.inputs}
    if a is None or b is None or out is None or len(shapes) > 1 or graph.fact(a).shape != graph.fact(b).shape:
        return None
    return make.reshape(graph, make.binary(graph, node.op, a, b), out)


def after_weights(graph: Graph, node: Node) -> Ref | None:
    """Write Reshape(x) + w as Reshape(x + v), where v is w repeated so that it fits the rows of x; · likewise."""
    if node.op not in ("AddV2", "Mul") or not is_float(graph, node.out):
        return None
    x, w = node.inputs
    before, out = _reshaped(graph, x), graph.fact(node.out).shape
    if before is None or out is None or not free(graph, w) or graph.fact(x).shape != out:
        return None
    shape = graph.fact(before).shape
    repeated = None if not shape else _repeated(graph, w, out, shape[-1])
    return None if repeated is None else make.reshape(graph, make.binary(graph, node.op, before, repeated), out)


def before_weights(graph: Graph, node: Node) -> Ref | None:
    """Write Reshape(x + w) as Reshape(x) + v, where rows are joined for a MatMul, which then takes v in.

    So a batch norm before a Flatten vanishes too. This undoes ``after_weights`` nowhere: v is longer than a row of x.
    """
    if node.op != "Reshape" or not is_float(graph, node.out):
        return None
    inner, out = graph.node(node.inputs[0]), graph.fact(node.out).shape
    if (
        inner.op not in ("AddV2", "Mul")
        or not out
        or not is_float(graph, inner.out)
        or not free(graph, inner.inputs[1])
    ):
        return None
    x, w = inner.inputs
    shape = graph.fact(x).shape
    users = graph.users(node.out)
    if not shape or shape != graph.fact(inner.out).shape or graph.node(x).op == "MatMul":
        return None
    if not users or any(user.op != "MatMul" or user.inputs[0] != node.out for user in users):
        return None
    row, joined = integers((shape[-1], out[-1])) or (0, 0)
    if row < 2 or joined <= row or joined % row:  # noqa: PLR2004 - a row of one is a scalar, which can go after
        return None
    repeated = _repeated(graph, w, shape, out[-1])
    return None if repeated is None else make.binary(graph, inner.op, make.reshape(graph, x, out), repeated)


def after_concat(graph: Graph, node: Node) -> Ref | None:
    """Write Concat(Reshape(x), Reshape(y)) as Reshape(Concat(x, y)), where only leading axes were reshaped."""
    if not is_last_concat(graph, node):
        return None
    before = [_reshaped(graph, ref) for ref in node.inputs[:-1]]
    out = graph.fact(node.out).shape
    if out is None or not make.can_reshape(out):
        return None
    leading: set[Shape] = set()
    for ref, inner in zip(node.inputs, before, strict=False):
        shape, source = graph.fact(ref).shape, None if inner is None else graph.fact(inner).shape
        if not shape or not source or source[-1] != shape[-1]:
            return None
        leading.add(source[:-1])
    if len(leading) != 1 or len(leading.pop()) != 1:
        return None
    return make.reshape(graph, make.side_by_side(graph, [ref for ref in before if ref is not None]), out)


def _reshaped(graph: Graph, ref: Ref) -> Ref | None:
    """Return what a Reshape reads, or None for another node, or where the shapes are not known."""
    node = graph.node(ref)
    if node.op != "Reshape" or not make.can_reshape(graph.fact(ref).shape):
        return None
    return node.inputs[0] if make.can_reshape(graph.fact(node.inputs[0]).shape) else None


def _repeated(graph: Graph, w: Ref, shape: Shape, width: object) -> Ref | None:
    """Repeat weights that broadcast over ``shape`` until they fill a row of ``width``; None where they can't.

    In row-major order an element's weight is told by its place modulo the length of the trailing axes that the weights
    distinguish.
    """
    fact = graph.fact(w)
    lengths = None if fact.shape is None else integers(fact.shape)
    if lengths is None or not is_float(graph, w) or not isinstance(width, Size) or width.batch:
        return None
    while lengths and lengths[0] == 1:
        lengths = lengths[1:]
    if not lengths:
        return make.reshape(graph, w, ())
    trailing = integers(shape[len(shape) - len(lengths) :]) if len(lengths) <= len(shape) else None
    if trailing is None:
        return None
    period = 1
    for length in trailing:
        period *= length
    if period == 0 or width.units % period:
        return None
    plain = make.reshape(graph, w, tuple(Size(n) for n in lengths))
    full = make.reshape(graph, make.spread(graph, plain, trailing), (Size(1), Size(period)))
    return make.reshape(graph, make.spread(graph, full, (width.units // period, period)), (width,))


RULES = (flat_product, after_single, after_pair, after_weights, before_weights, after_concat)
