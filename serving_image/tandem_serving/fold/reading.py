"""Reads ``dense.graph.pb`` as model.json describes it into a Graph."""

from typing import Any

from tandem_wire.model import ModelSpec
from tensorflow.core.framework import graph_pb2

from tandem_serving.errors import BadExport
from tandem_serving.fold.defining import completed
from tandem_serving.fold.facts import FLOAT, Fact, Source
from tandem_serving.fold.graph import Graph, Node, Ref, Unfoldable
from tandem_serving.fold.inlining import Inlined
from tandem_serving.fold.sizes import BATCH, Shape, fixed


class Export:
    """The graph of one export, with what its ends mean.

    Args:
      spec: model.json.
      data: the bytes of the object that it names as graph.

    Attributes:
      features: the placeholders in the order of ``spec.dense.features``, with their shapes.
      weights: likewise of ``spec.weights``.
      definition: the parsed GraphDef.

    Raises:
      BadExport: it is no graph, or lacks an input or output, or one has another type or shape.
    """

    __slots__ = ("definition", "features", "spec", "weights")

    def __init__(self, spec: ModelSpec, data: bytes) -> None:
        self.spec = spec
        self.definition = _parse(spec.dense.graph, data)
        widths = {given.name: spec.width(given) for given in spec.inputs}
        self.features = {
            _ref(tensor): (BATCH, *fixed(widths[name]))
            for name, tensor in zip(spec.dense.features, spec.dense.feature_inputs, strict=True)
        }
        self.weights = {
            _ref(tensor): fixed(*weight.shape)
            for weight, tensor in zip(spec.weights, spec.dense.weight_inputs, strict=True)
        }
        self._check()

    def graph(self) -> Graph:
        """Return the part that the outputs need.

        Raises:
          BadExport: it reads a placeholder that model.json does not name.
          Unfoldable: it has a loop, or a node that is not as its operation is defined.
        """
        known = {ref.node: Fact(FLOAT, shape, None, Source.FEATURES) for ref, shape in self.features.items()}
        known |= {ref.node: Fact(FLOAT, shape, None, Source.WEIGHTS) for ref, shape in self.weights.items()}
        library = self.definition.library
        functions = {function.signature.name: function for function in library.function}
        flat = Inlined([_node(node, given=node.name in known) for node in self.definition.node], functions)
        outputs = [flat.resolve(Ref.parse(tensor)) for tensor in self.spec.dense.outputs]
        nodes = [node if node.name in known else completed(node) for node in flat.nodes]
        graph = Graph(nodes, outputs, known, self.definition.versions.producer, library if functions else None)
        for node in graph.order():
            if node.op.startswith("Placeholder") and not node.inputs and node.name not in known:
                raise BadExport(
                    f"{self.spec.dense.graph}: the outputs need placeholder {node.name}, which model.json does not "
                    "name; name it under dense.feature_inputs or dense.weight_inputs"
                )
        return graph

    def _check(self) -> None:
        nodes = {node.name: node for node in self.definition.node}
        where = self.spec.dense.graph
        given = self.features | self.weights
        if len(given) < len(self.spec.dense.feature_inputs) + len(self.spec.dense.weight_inputs):
            raise BadExport(f"{where}: model.json names one tensor as two inputs")
        for ref, shape in given.items():
            if ref.node not in nodes or ref.output:
                raise BadExport(f"{where} has no input {ref}, which model.json names")
            _check_input(where, ref, shape, nodes[ref.node])
        for tensor in self.spec.dense.outputs:
            if _ref(tensor).node not in nodes:
                raise BadExport(f"{where} has no output {tensor}, which model.json names")


def _ref(tensor: str) -> Ref:
    try:
        return Ref.parse(tensor)
    except Unfoldable as error:
        raise BadExport(f"model.json: {error}; a tensor of a graph is written as dense/Relu:0") from error


def _parse(name: str, data: bytes) -> Any:  # noqa: ANN401 - a protobuf message
    parsed = graph_pb2.GraphDef()
    try:
        parsed.ParseFromString(data)
    except Exception as error:  # protobuf's DecodeError differs by its implementation
        raise BadExport(f"{name} is no GraphDef: {error}") from error
    return parsed


def _check_input(where: str, ref: Ref, shape: Shape, node: Any) -> None:  # noqa: ANN401
    if "dtype" in node.attr and node.attr["dtype"].type != FLOAT:
        raise BadExport(f"{where}: input {ref} is not float32; export features and weights as float32")
    declared = node.attr["shape"].shape if "shape" in node.attr else None
    if declared is None or declared.unknown_rank:
        return
    lengths = [dim.size for dim in declared.dim]
    wanted = [-1 if size is None or size.batch else size.units for size in shape]
    # TensorFlow wrote no shape at all for placeholders of graphs before version 24, which reads as a scalar.
    if lengths and (
        len(lengths) != len(wanted) or any(a not in (b, -1) and b != -1 for a, b in zip(lengths, wanted, strict=True))
    ):
        raise BadExport(f"{where}: input {ref} has shape {lengths}, model.json says {wanted}")


def _node(node: Any, *, given: bool) -> Node:  # noqa: ANN401
    attrs = {name: attr for name, attr in node.attr.items() if not name.startswith("_")}
    if given:
        return Node(node.name, "Placeholder", (), attrs)
    return Node(node.name, node.op, tuple(Ref.parse(i) for i in node.input if not i.startswith("^")), attrs)
