"""Sums along fixed axes become products with matrices of ones, which dense layers and batch norm then merge with.

So the linear part of a wide model, sum(x ⊙ w), is one column of a dense layer, and the pooled fields of a factorization
machine need no operation of their own. A sum of the product of two values stays: a chain has a step for it.
"""

from math import prod

import numpy as np

from tandem_serving.fold import make
from tandem_serving.fold.graph import Graph, Node, Ref
from tandem_serving.fold.simplify import free, is_float
from tandem_serving.fold.sizes import Shape, Size, integers, product

MOST = 1 << 16
"""Elements of the matrix; above it a sum is cheaper as it is."""


def sum_by_product(graph: Graph, node: Node) -> Ref | None:
    """Write a sum or mean of x over axes of fixed lengths as Reshape(x) · S."""
    if node.op not in ("Sum", "Mean") or not is_float(graph, node.out) or is_dot(graph, node):
        return None
    shape, out = graph.fact(node.inputs[0]).shape, graph.fact(node.out).shape
    value = graph.fact(node.inputs[1]).value
    axes = None if value is None else integers(value)
    if shape is None or out is None or not axes or not make.can_reshape(shape) or not make.can_reshape(out):
        return None
    reduced = {axis % len(shape) for axis in axes}
    first = min(reduced)
    block = integers(shape[first:])
    if block is None or first == 0:
        return None
    kernel = _ones(block, {axis - first for axis in reduced})
    if kernel.size > MOST or kernel.size == 0:
        return None
    scale = 1.0 if node.op == "Sum" else kernel.shape[1] / kernel.shape[0]
    rows = make.reshape(graph, node.inputs[0], (product(shape[:first]), Size(kernel.shape[0])))
    return make.reshape(graph, make.matmul(graph, rows, make.constant(graph, kernel * scale, np.float32)), out)


def _ones(block: tuple[int, ...], reduced: set[int]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the matrix that sums a flat block over some of its axes."""
    kept = tuple(1 if axis in reduced else length for axis, length in enumerate(block))
    places = np.broadcast_to(np.arange(prod(kept)).reshape(kept), block).ravel()
    return np.eye(prod(kept))[places]


def is_dot(graph: Graph, node: Node) -> bool:
    """Return whether a node is the sum of each row of the product of two values of the batch."""
    if node.op != "Sum" or graph.node(node.inputs[0]).op != "Mul":
        return False
    factors = graph.node(node.inputs[0]).inputs
    shapes: list[Shape] = [graph.fact(ref).shape or () for ref in factors]
    value = graph.fact(node.inputs[1]).value
    axes, rank = None if value is None else integers(value), len(shapes[0])
    if axes is None or len(axes) != 1 or rank < 2 or axes[0] % rank != rank - 1:  # noqa: PLR2004
        return False
    plain = rank == 2 or node.flag("keep_dims")  # noqa: PLR2004 - otherwise an axis of rows becomes the last
    return plain and shapes[0] == shapes[1] and not any(free(graph, ref) for ref in factors)


RULES = (sum_by_product,)
