"""Puts a user's features before the candidates' in what the first dense layers read.

The candidates of a request share their user's features. An engine that finds rows alike at their front computes that
part of a layer once for all of them: x W = u Wu + i Wi. The order of a concatenation is free where only dense layers
read it, since the rows of their kernels can be put in the same order, once per version.
"""

from collections.abc import Collection, Sequence
from itertools import groupby
from typing import NamedTuple

from tandem_serving.fold import make
from tandem_serving.fold.graph import Graph, Node, Ref
from tandem_serving.fold.simplify import free, is_last_concat
from tandem_serving.fold.sizes import integers


class _Run(NamedTuple):
    """Neighbours of one side in a concatenation."""

    user: bool
    parts: tuple[Ref, ...]
    begin: int
    width: int


def user_first(graph: Graph, features: Collection[Ref], users: Collection[Ref]) -> None:
    """Reorder every concatenation that only dense layers read, so that what hangs on users alone comes first.

    Args:
      graph: rewritten by the other rules.
      features: the placeholders of all features.
      users: those of the user's side.
    """
    if not users:
        return
    items = frozenset(ref.node for ref in features) - {ref.node for ref in users}
    for node in graph.order():
        if is_last_concat(graph, node):
            _reorder(graph, node, items)


def _reorder(graph: Graph, node: Node, items: frozenset[str]) -> None:
    readers = graph.users(node.out)
    runs = _runs(graph, node, items)
    ordered = sorted(runs, key=lambda run: not run.user)
    if ordered == runs or node.out in graph.outputs or not all(_dense(graph, reader, node.out) for reader in readers):
        return
    whole = make.side_by_side(graph, [ref for run in ordered for ref in run.parts])
    for reader in readers:
        kernel = make.below(graph, [make.some_rows(graph, reader.inputs[1], run.begin, run.width) for run in ordered])
        graph.replace(reader.out, make.matmul(graph, whole, kernel))


def _runs(graph: Graph, node: Node, items: frozenset[str]) -> Sequence[_Run]:
    """Return the parts as runs; none where a width is not known."""
    widths: list[int] = []
    for ref in node.inputs[:-1]:
        last = (graph.fact(ref).shape or (None,))[-1]
        width = None if last is None else integers((last,))
        if width is None:
            return []
        widths.append(width[0])
    user = [not items.intersection(graph.needed([ref])) for ref in node.inputs[:-1]]
    runs: list[_Run] = []
    for side, group in groupby(range(len(widths)), key=user.__getitem__):
        places = list(group)
        parts = tuple(node.inputs[i] for i in places)
        runs.append(_Run(side, parts, sum(widths[: places[0]]), sum(widths[i] for i in places)))
    return runs


def _dense(graph: Graph, reader: Node, x: Ref) -> bool:
    plain = reader.op == "MatMul" and not reader.flag("transpose_a") and not reader.flag("transpose_b")
    return plain and reader.inputs[0] == x and free(graph, reader.inputs[1])
