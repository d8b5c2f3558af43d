"""Applies rules to a graph until none fits any more, and merges what is computed twice."""

from collections.abc import Callable, Sequence

from tensorflow.python.framework import op_def_registry

from tandem_serving.fold.facts import Source
from tandem_serving.fold.graph import Graph, Node, Ref

Rule = Callable[[Graph, Node], Ref | None]
"""Returns what may stand for a node's first output, or None. It adds nodes only when it returns one."""

_ROUNDS = 100


def rewrite(graph: Graph, rules: Sequence[Rule]) -> None:
    """Apply rules to all nodes that depend on features; a bound ends it should two rules undo each other."""
    for _ in range(_ROUNDS):
        if not _round(graph, rules):
            return


def _round(graph: Graph, rules: Sequence[Rule]) -> bool:
    changed = False
    for name in [node.name for node in graph.order()]:
        if name not in graph or graph.fact(Ref(name)).source is not Source.FEATURES:
            continue
        for rule in rules:
            found = rule(graph, graph.node(Ref(name)))
            if found is not None:
                graph.replace(Ref(name), found)
                changed = True
                break
    return merge_equal(graph) or changed


def merge_equal(graph: Graph) -> bool:
    """Let nodes that compute the same from the same be one."""
    first: dict[tuple[object, ...], Node] = {}
    changed = False
    for name in [node.name for node in graph.order()]:
        node = graph.node(Ref(name))
        definition = op_def_registry.get(node.op)
        if node.op == "Placeholder" or definition is None or definition.is_stateful:
            continue
        attrs = tuple((key, value.SerializeToString(deterministic=True)) for key, value in sorted(node.attrs.items()))
        twin = first.setdefault((node.op, node.inputs, attrs), node)
        if twin is not node:
            for output in range(_outputs(graph, node)):
                graph.replace(Ref(name, output), Ref(twin.name, output))
            changed = True
    return changed


def _outputs(graph: Graph, node: Node) -> int:
    read = [ref.output for user in graph.readers(node.name) for ref in user.inputs if ref.node == node.name]
    return 1 + max(read + [ref.output for ref in graph.outputs if ref.node == node.name], default=0)
