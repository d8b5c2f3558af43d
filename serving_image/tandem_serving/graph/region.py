"""Finds the maximal parts of a graph that can be captured: each part is one function, no part waits on itself.

A node's level is the most times that a way to it leaves the captured region and comes back. All captured nodes of one
level are one part: a way between two of them never passes an excluded node, since the level rises there. So parts are
as few as can be, and as large.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tandem_serving.fold.graph import Node

MOST_PARTS: Final = 4
"""Each part costs a launch and a hand-over; beyond this, capturing gains nothing."""
_FREE: Final = frozenset({"Const"})
_ONLY_SHAPES: Final = frozenset(
    {"Cast", "ExpandDims", "Identity", "Pack", "Reshape", "Shape", "Slice", "Squeeze", "StopGradient", "StridedSlice"}
)
_NO_WORK: Final = "computes nothing that is worth a launch"


class NotCaptured(Exception):  # noqa: N818 - it says what the graph is; it then runs without
    """This graph is not captured; the message says why."""


class Split(NotCaptured):
    """Excluded operations cut the graph into more parts than there may be."""


@dataclass(frozen=True, slots=True)
class Outside:
    """A node that is not captured, and why."""

    node: Node
    why: str


@dataclass(frozen=True, slots=True)
class Regions:
    """What is captured and what is not.

    Attributes:
      parts: nodes of each part in order; a later part reads earlier ones.
      outside: the others in order; inputs and constants are in neither, they belong to whoever reads them.
      order: what runs after what: the number of a part, or a node outside.
    """

    parts: tuple[tuple[Node, ...], ...]
    outside: tuple[Outside, ...]
    order: tuple[int | Node, ...]


def find(
    nodes: Sequence[Node], inputs: Collection[str], reason: Callable[[Node], str], most_parts: int = MOST_PARTS
) -> Regions:
    """Find the parts.

    Args:
      nodes: each after its inputs.
      inputs: names of those that are fed.
      reason: why a node can't be captured; empty where it can.
      most_parts: how many there may be.

    Raises:
      NotCaptured: nothing is left to capture.
      Split: there would be more parts, naming what splits them.
    """
    free = frozenset(inputs) | {node.name for node in nodes if node.op in _FREE}
    inner = [node for node in nodes if node.name not in free]
    whys = {node.name: why for node in inner if (why := reason(node))}
    levels = _levels(inner, free, whys)
    kept: list[list[Node]] = []
    for level in range(max(levels.values(), default=-1) + 1):
        part = [node for node in inner if levels[node.name] == level and node.name not in whys]
        if all(node.op in _ONLY_SHAPES for node in part):
            whys |= {node.name: _NO_WORK for node in part}
        else:
            kept.append(part)
    outside = tuple(Outside(node, whys[node.name]) for node in inner if node.name in whys)
    if not kept:
        raise NotCaptured(f"no operation can be captured: {_listed(outside)}")
    if len(kept) > most_parts:
        between = _between(inner, free, whys, levels)
        raise Split(
            f"operations that can't be captured split the graph into {len(kept)} parts, {most_parts} are allowed: "
            f"{_listed([each for each in outside if each.node.name in between])}; move them before or behind the dense "
            "layers, or take them out of serving.gpu.cudaGraph.exclude"
        )
    return Regions(tuple(tuple(part) for part in kept), outside, _order(inner, kept, whys, levels))


def _levels(nodes: Sequence[Node], free: Collection[str], whys: Mapping[str, str]) -> dict[str, int]:
    levels: dict[str, int] = {}
    for node in nodes:
        before = [ref.node for ref in node.inputs if ref.node not in free]
        if node.name in whys:
            levels[node.name] = max((levels[name] for name in before), default=-1)
        else:
            levels[node.name] = max((levels[name] + (name in whys) for name in before), default=0)
    return levels


def _order(
    nodes: Sequence[Node], parts: Sequence[Sequence[Node]], whys: Mapping[str, str], levels: Mapping[str, int]
) -> tuple[int | Node, ...]:
    """By level: captured or too small to be, then excluded; within each, as the graph has them."""
    placed: list[tuple[int, int, int, int | Node]] = []
    placed += [(levels[part[0].name], 0, 0, i) for i, part in enumerate(parts)]
    placed += [
        (levels[node.name], int(whys[node.name] != _NO_WORK), i, node)
        for i, node in enumerate(nodes)
        if node.name in whys
    ]
    return tuple(what for *_, what in sorted(placed, key=lambda entry: entry[:3]))


def _between(
    nodes: Sequence[Node], free: Collection[str], whys: Mapping[str, str], levels: Mapping[str, int]
) -> set[str]:
    """Excluded nodes that something captured reads, and that read something captured."""
    return {
        ref.node
        for node in nodes
        if node.name not in whys
        for ref in node.inputs
        if ref.node not in free and ref.node in whys and levels[ref.node] >= 0
    }


def _listed(outside: Sequence[Outside], most: int = 8) -> str:
    text = ", ".join(f"{each.node.name} ({each.node.op}, {each.why})" for each in outside[:most])
    return text + (f" and {len(outside) - most} more" if len(outside) > most else "")
