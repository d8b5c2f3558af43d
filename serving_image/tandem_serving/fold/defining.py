"""Holds nodes against TensorFlow's definitions of their operations, so that rules may rely on inputs and attributes."""

from typing import Any

from tensorflow.python.framework import op_def_registry

from tandem_serving.fold.graph import Node, Unfoldable


def completed(node: Node) -> Node:
    """Return a node with the attributes that it leaves to their defaults; an operation that is not known as it is.

    Raises:
      Unfoldable: it has another number of inputs than its operation takes, or lacks an attribute.
    """
    definition = op_def_registry.get(node.op)
    if definition is None:
        return node
    attrs = dict(node.attrs)
    for attr in definition.attr:
        if attr.name not in attrs:
            if not attr.HasField("default_value"):
                raise Unfoldable(f"node {node.name} ({node.op}) lacks attribute {attr.name}")
            attrs[attr.name] = attr.default_value
    wanted = sum(_count(argument, attrs) for argument in definition.input_arg)
    if len(node.inputs) != wanted:
        raise Unfoldable(f"node {node.name} ({node.op}) has {len(node.inputs)} inputs, {wanted} are needed")
    return Node(node.name, node.op, node.inputs, attrs)


def _count(argument: Any, attrs: dict[str, Any]) -> int:  # noqa: ANN401 - an ArgDef
    if argument.number_attr:
        return int(attrs[argument.number_attr].i)
    return len(attrs[argument.type_list_attr].list.type) if argument.type_list_attr else 1
