"""Puts the bodies of called functions in the places of their calls, so that rules see through ``tf.function``."""

from collections.abc import Iterable, Mapping
from typing import Any

from tensorflow.python.framework import op_def_registry

from tandem_serving.fold.graph import Node, Ref, Unfoldable

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_DEEPEST = 16
"""A function that calls itself stays a call from there on."""


class Inlined:
    """Nodes without calls, and what became of the calls' outputs.

    Args:
      nodes: of a graph.
      functions: FunctionDefs by name. What can't be inlined, such as a function that is polymorphic, stays a call.

    Attributes:
      nodes: the flat graph; their inputs are resolved.

    Raises:
      Unfoldable: a function's body does not fit together.
    """

    __slots__ = ("_aliases", "_functions", "nodes")

    def __init__(self, nodes: Iterable[Node], functions: Mapping[str, Any]) -> None:
        self._functions = functions
        self._aliases: dict[Ref, Ref] = {}
        flat: list[Node] = []
        waiting = [(node, 0) for node in nodes]
        while waiting:
            node, depth = waiting.pop()
            function = self._called(node) if depth < _DEEPEST else None
            if function is None:
                flat.append(node)
            else:
                try:
                    waiting += [(inner, depth + 1) for inner in self._expand(node, function)]
                except (KeyError, ValueError) as error:
                    raise Unfoldable(f"the function that {node.name} calls names a value that is not there") from error
        self.nodes = [
            Node(node.name, node.op, tuple(self.resolve(ref) for ref in node.inputs), node.attrs) for node in flat
        ]

    def resolve(self, ref: Ref) -> Ref:
        """Return the tensor that stands for an output of a call; any other is itself."""
        for _ in range(len(self._aliases) + 1):
            if ref not in self._aliases:
                return ref
            ref = self._aliases[ref]
        raise Unfoldable(f"the call {ref.node} is part of a loop; only graphs without loops are folded")

    def _called(self, node: Node) -> Any:  # noqa: ANN401 - a FunctionDef
        name = node.attr("f").func.name if node.op in _CALLS and node.attr("f") is not None else node.op
        function = self._functions.get(name)
        if function is None or len(function.signature.input_arg) != len(node.inputs):
            return None
        arguments = [*function.signature.input_arg, *function.signature.output_arg]
        if any(argument.number_attr or argument.type_list_attr for argument in arguments):
            return None
        if any(attr.placeholder for inner in function.node_def for attr in inner.attr.values()):
            return None
        return function

    def _expand(self, call: Node, function: Any) -> list[Node]:  # noqa: ANN401
        given = {arg.name: ref for arg, ref in zip(function.signature.input_arg, call.inputs, strict=True)}
        inner = {node.name: node for node in function.node_def}

        def ref(text: str) -> Ref:
            if text in given:
                return given[text]
            name, output, index = text.split(":")
            return Ref(f"{call.name}/{name}", _first(inner[name], output, self._functions) + int(index))

        for i, argument in enumerate(function.signature.output_arg):
            self._aliases[Ref(call.name, i)] = ref(function.ret[argument.name])
        return [
            Node(
                f"{call.name}/{node.name}",
                node.op,
                tuple(ref(text) for text in node.input if not text.startswith("^")),
                {name: attr for name, attr in node.attr.items() if not name.startswith("_")},
            )
            for node in function.node_def
        ]


def _first(node: Any, output: str, functions: Mapping[str, Any]) -> int:  # noqa: ANN401 - a NodeDef
    """Return the number of the first tensor of a named output among all outputs of a node."""
    definition = functions[node.op].signature if node.op in functions else op_def_registry.get(node.op)
    before = 0
    for argument in definition.output_arg if definition is not None else ():
        if argument.name == output:
            break
        if argument.number_attr:
            before += node.attr[argument.number_attr].i
        elif argument.type_list_attr:
            before += len(node.attr[argument.type_list_attr].list.type)
        else:
            before += 1
    return before
