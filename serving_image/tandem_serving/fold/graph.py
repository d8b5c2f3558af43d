"""A small typed view of a GraphDef that rules can change: nodes, what is known of their tensors, and who reads them.

Only what the outputs need is in it. Control inputs are left out: they order effects, and a node with effects is refused
before (``tandem_serving.export``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tandem_serving.fold.facts import Fact, infer


class Unfoldable(Exception):  # noqa: N818 - it says what the graph is; the graph is then served as it came
    """This graph can't be rewritten; the message says why."""


class Ref(NamedTuple):
    """One output of a node."""

    node: str
    output: int = 0

    def __str__(self) -> str:
        return f"{self.node}:{self.output}"

    @classmethod
    def parse(cls, text: str) -> "Ref":
        """Read ``name`` or ``name:1``.

        Raises:
          Unfoldable: it is neither.
        """
        name, _, output = text.partition(":")
        if not name or (output and not output.isdecimal()):
            raise Unfoldable(f"{text!r} names no tensor")
        return cls(name, int(output or 0))


@dataclass(frozen=True, slots=True)
class Node:
    """One operation; ``attrs`` are TensorFlow's AttrValue messages, never changed in place."""

    name: str
    op: str
    inputs: tuple[Ref, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def out(self) -> Ref:
        """Its first output."""
        return Ref(self.name)

    def flag(self, name: str) -> bool:
        """Return whether a boolean attribute is there and set."""
        attr = self.attrs.get(name)
        return attr is not None and bool(attr.b)

    def attr(self, name: str) -> Any:  # noqa: ANN401 - a protobuf message
        """Return an attribute, or None where the graph leaves it to its default."""
        return self.attrs.get(name)


class Graph:
    """Nodes by name, from the given ones; ``outputs`` are kept alive, all else goes when its last reader goes.

    Args:
      nodes: any order; their inputs must be among them.
      outputs: what the graph is for.
      known: facts that the nodes alone do not tell, of placeholders, by node name.
      producer: the version of the GraphDef, which decides what its operations mean.
      library: the GraphDef's functions.

    Raises:
      Unfoldable: it has a cycle, as loops of TensorFlow 1 do.
    """

    __slots__ = ("_facts", "_made", "_nodes", "_users", "library", "outputs", "producer")

    def __init__(
        self,
        nodes: Iterable[Node],
        outputs: Sequence[Ref],
        known: Mapping[str, Fact] | None = None,
        producer: int = 0,
        library: Any = None,  # noqa: ANN401 - a protobuf message
    ) -> None:
        self.outputs = list(outputs)
        self.producer = producer
        self.library = library
        self._nodes = {node.name: node for node in nodes}
        self._made = 0
        self._users: dict[str, set[str]] = {}
        self._facts: dict[str, tuple[Fact, ...]] = {name: (fact,) for name, fact in (known or {}).items()}
        ordered = self.order()
        self._nodes = {node.name: node for node in ordered}
        for node in ordered:
            self._enter(node)

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)

    def node(self, ref: Ref) -> Node:
        """Return the node that makes a tensor."""
        return self._nodes[ref.node]

    def fact(self, ref: Ref) -> Fact:
        """Return what is known of a tensor."""
        facts = self._facts[ref.node]
        return facts[ref.output] if ref.output < len(facts) else Fact(source=facts[0].source)

    def readers(self, name: str) -> list[Node]:
        """Return the nodes that read any output of a node, in a stable order."""
        return [self._nodes[user] for user in sorted(self._users.get(name, ()))]

    def users(self, ref: Ref) -> list[Node]:
        """Return the nodes that read a tensor, in a stable order."""
        return [node for node in self.readers(ref.node) if ref in node.inputs]

    def uses(self, ref: Ref) -> int:
        """Count how often a tensor is read, as an output of the graph too."""
        return sum(node.inputs.count(ref) for node in self.users(ref)) + self.outputs.count(ref)

    def order(self) -> list[Node]:
        """Return all that the outputs need, each node after its inputs."""
        done: dict[str, Node] = {}
        open_now: set[str] = set()
        for output in self.outputs:
            stack: list[tuple[str, Iterator[Ref]]] = []
            self._push(output.node, stack, done, open_now)
            while stack:
                name, inputs = stack[-1]
                following = next(inputs, None)
                if following is None:
                    stack.pop()
                    open_now.discard(name)
                    done[name] = self._nodes[name]
                else:
                    self._push(following.node, stack, done, open_now)
        return list(done.values())

    def needed(self, refs: Iterable[Ref]) -> set[str]:
        """Return the names of all nodes that these tensors need."""
        found: set[str] = set()
        waiting = [ref.node for ref in refs]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [ref.node for ref in self._nodes[name].inputs]
        return found

    def add(self, op: str, inputs: Sequence[Ref], attrs: Mapping[str, Any]) -> Ref:
        """Add a node under a name of its own and return its first output."""
        name = f"folded/{op}_{self._made}"
        while name in self._nodes:
            self._made += 1
            name = f"folded/{op}_{self._made}"
        self._made += 1
        node = Node(name, op, tuple(inputs), attrs)
        self._nodes[name] = node
        self._enter(node)
        return node.out

    def replace(self, old: Ref, new: Ref) -> None:
        """Let everything that reads ``old`` read ``new``; what nobody reads any more goes."""
        for user in self.users(old):
            changed = replace(user, inputs=tuple(new if ref == old else ref for ref in user.inputs))
            self._nodes[user.name] = changed
            self._users.setdefault(new.node, set()).add(user.name)
            if all(ref.node != old.node for ref in changed.inputs):
                self._users[old.node].discard(user.name)
        self.outputs = [new if output == old else output for output in self.outputs]
        self.sweep(old.node)

    def sweep(self, name: str) -> None:
        """Remove a node that nobody reads, and then what only it read."""
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name not in self._nodes or self._users.get(name) or any(o.node == name for o in self.outputs):
                continue
            node = self._nodes.pop(name)
            self._users.pop(name, None)
            self._facts.pop(name)
            for source in {ref.node for ref in node.inputs}:
                self._users[source].discard(name)
                waiting.append(source)

    def _enter(self, node: Node) -> None:
        for ref in node.inputs:
            self._users.setdefault(ref.node, set()).add(node.name)
        if node.name not in self._facts:
            self._facts[node.name] = infer(node.op, node.attrs, [self.fact(ref) for ref in node.inputs])

    def _push(
        self, name: str, stack: list[tuple[str, Iterator[Ref]]], done: Mapping[str, Node], open_now: set[str]
    ) -> None:
        if name in done:
            return
        if name in open_now:
            raise Unfoldable(f"node {name} is part of a loop; only graphs without loops are folded")
        if name not in self._nodes:
            raise Unfoldable(f"node {name} is read but is not in the graph")
        open_now.add(name)
        stack.append((name, iter(self._nodes[name].inputs)))
