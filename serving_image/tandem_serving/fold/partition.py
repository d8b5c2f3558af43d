"""S1: cuts a graph in two: what hangs on weights only, to run once per version of the weights, and the rest.

Every edge from the one to the other becomes a slot: a weight as it is, or a result of the fold graph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorflow.core.framework import graph_pb2

from tandem_serving.fold import make
from tandem_serving.fold.facts import FLOAT, Source
from tandem_serving.fold.graph import Graph, Node, Ref
from tandem_serving.fold.sizes import Shape, integers

# What a chain reads from slots; a constant of any other operation stays beside it.
_BY_SLOTS = frozenset({"MatMul", "AddV2", "Mul"})


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a graph is cut.

    Attributes:
      slots: tensors that the rest reads, free of features and float32: weights in their order first, then the others.
      weights: how many of them are weights.
      outer: other nodes free of features that stay with the rest, by name: axes, and what is not float32.
    """

    slots: tuple[Ref, ...]
    weights: int
    outer: frozenset[str]


def cut(graph: Graph, weights: Sequence[Ref]) -> Cut:
    """Find the least set of slots behind which nothing reads a feature.

    Args:
      graph: the rewritten graph.
      weights: the placeholders of the weights, in their order.
    """
    found: set[Ref] = set()
    outer: set[str] = set()
    readers = [node for node in graph.order() if graph.fact(node.out).source is Source.FEATURES]
    waiting = [ref for node in readers for ref in node.inputs] + graph.outputs
    while waiting:
        ref = waiting.pop()
        if graph.fact(ref).source is Source.FEATURES or ref in found or ref.node in outer:
            continue
        if _is_slot(graph, ref):
            found.add(ref)
        else:
            outer.add(ref.node)
            waiting += graph.node(ref).inputs
    raw = [ref for ref in weights if ref in found]
    order = {node.name: i for i, node in enumerate(graph.order())}
    results = sorted(found.difference(raw), key=lambda ref: (order[ref.node], ref.output))
    return Cut((*raw, *results), len(raw), frozenset(outer))


def _is_slot(graph: Graph, ref: Ref) -> bool:
    fact = graph.fact(ref)
    if graph.node(ref).op == "Const" and not any(user.op in _BY_SLOTS for user in graph.users(ref)):
        return False
    return fact.dtype == FLOAT and fact.shape is not None and integers(fact.shape) is not None


def fold_graph(graph: Graph, cut: Cut) -> bytes:
    """Return the serialized graph from weights to the slots that are no weights."""
    needed = graph.needed(cut.slots[cut.weights :])
    nodes = [node for node in graph.order() if node.name in needed]
    # Of a weight more is known than its placeholder says.
    given = {n.name: _placeholder(n.out, graph.fact(n.out).shape or ()) for n in nodes if n.op == "Placeholder"}
    return _serialized([given.get(node.name, node) for node in nodes], graph)


def rest_graph(graph: Graph, cut: Cut, features: Mapping[Ref, Shape]) -> tuple[bytes, list[Ref], list[Ref]]:
    """Return the serialized graph from features and slots to the outputs, its slots' tensors and its outputs.

    Args:
      graph: the rewritten graph.
      cut: where to cut it.
      features: all placeholders of features, with their shapes; those that nothing reads are in it too.
    """
    names = {ref: Ref(ref.node if i < cut.weights else f"slot_{i}") for i, ref in enumerate(cut.slots)}
    taken = {node.name for node in graph.order()}
    while any(name.node in taken for ref, name in names.items() if name.node != ref.node):
        names = {ref: Ref(name.node if name.node == ref.node else f"{name.node}_") for ref, name in names.items()}
    inputs = [_placeholder(ref, shape) for ref, shape in features.items()]
    inputs += [_placeholder(name, graph.fact(ref).shape or ()) for ref, name in names.items()]
    given = {node.name for node in inputs}
    kept = [
        Node(node.name, node.op, tuple(names.get(ref, ref) for ref in node.inputs), node.attrs)
        for node in graph.order()
        if node.name not in given and (graph.fact(node.out).source is Source.FEATURES or node.name in cut.outer)
    ]
    outputs: list[Ref] = []
    for i, ref in enumerate(names.get(ref, ref) for ref in graph.outputs):
        if ref.node in given:  # what is fed can't be fetched
            alone = Node(f"folded/output_{i}", "Identity", (ref,), {"T": make.type_attr(FLOAT)})
            kept.append(alone)
            outputs.append(alone.out)
        else:
            outputs.append(ref)
    return _serialized([*inputs, *kept], graph), list(names.values()), outputs


def _placeholder(ref: Ref, shape: Shape) -> Node:
    return Node(ref.node, "Placeholder", (), {"dtype": make.type_attr(FLOAT), "shape": make.shape_attr(shape)})


def _serialized(nodes: Sequence[Node], graph: Graph) -> bytes:
    definition = graph_pb2.GraphDef()
    definition.versions.producer = graph.producer
    for node in nodes:
        made = definition.node.add(name=node.name, op=node.op)
        made.input.extend(ref.node if ref.output == 0 else str(ref) for ref in node.inputs)
        for name, attr in node.attrs.items():
            made.attr[name].CopyFrom(attr)
    if graph.library is not None:
        definition.library.CopyFrom(graph.library)
    data: bytes = definition.SerializeToString(deterministic=True)
    return data
