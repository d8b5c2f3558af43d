"""Which operations are never captured, and why: what runs on the host, what has its own clock, what a user names."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import op_def_registry

from tandem_serving.fold.graph import Node

BY_NAME: Final = "named in serving.gpu.cudaGraph.exclude"
_CLOCKED: Final = {"CallGraph": "runs at times of its own"}
_LOOKUPS: Final = ("LookupTable", "HashTable")
_ON_HOST: Final = {
    types_pb2.DT_STRING: "works on strings",
    types_pb2.DT_RESOURCE: "works on a resource of the process",
    types_pb2.DT_VARIANT: "works on a value that has no fixed form",
}


class Exclusion:
    """Decides for each node whether it stays outside.

    Args:
      names: of nodes or of operations, as a user wrote them; what is named beside them stays outside always.
      functions: FunctionDefs by name; a call is outside if anything in its function must be.
    """

    __slots__ = ("_functions", "_names", "_seen")

    def __init__(self, names: Iterable[str] = (), functions: Mapping[str, Any] | None = None) -> None:
        self._names = frozenset(names)
        self._functions = dict(functions or {})
        self._seen: set[str] = set()

    def reason(self, node: Node) -> str:
        """Say why a node stays outside; empty where it can be captured."""
        named = {node.name, node.op} & self._names
        self._seen |= named
        if named:
            return BY_NAME
        return self._own(node.op, node.attrs) or self._called(node, frozenset())

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Names that no node or operation had so far: misspelt, or folded away."""
        return tuple(sorted(self._names - self._seen))

    def _own(self, op: str, attrs: Mapping[str, Any]) -> str:
        if op in _CLOCKED:
            return _CLOCKED[op]
        if any(part in op for part in _LOOKUPS):
            return "looks up a hash table"
        return next((why for dtype, why in _ON_HOST.items() if dtype in _dtypes(op, attrs)), "")

    def _called(self, node: Node, above: frozenset[str]) -> str:
        names = [attr.func.name for attr in node.attrs.values() if attr.HasField("func")]
        names += [func.name for attr in node.attrs.values() for func in attr.list.func]
        names += [node.op] if node.op in self._functions else []
        for name in names:
            if name not in self._functions or name in above:
                continue
            for inner in self._functions[name].node_def:
                body = Node(inner.name, inner.op, (), dict(inner.attr))
                named = {body.name, body.op} & self._names
                self._seen |= named
                why = BY_NAME if named else self._own(body.op, body.attrs) or self._called(body, above | {name})
                if why:
                    return f"calls {name}, whose {inner.name} ({inner.op}): {why}"
        return ""


def _dtypes(op: str, attrs: Mapping[str, Any]) -> set[int]:
    """The types of all that an operation reads and writes; of one that is not known, those that its node names."""
    definition = op_def_registry.get(op)
    if definition is None:
        return {attr.type for attr in attrs.values()} | {t for attr in attrs.values() for t in attr.list.type}
    found: set[int] = set()
    for argument in (*definition.input_arg, *definition.output_arg):
        if argument.type_attr and argument.type_attr in attrs:
            found.add(attrs[argument.type_attr].type)
        elif argument.type_list_attr and argument.type_list_attr in attrs:
            found.update(attrs[argument.type_list_attr].list.type)
        elif argument.type:
            found.add(argument.type)
    return found
