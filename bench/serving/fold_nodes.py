"""How many nodes of the graph are left to run for a request, beside what Grappler leaves."""

from collections.abc import Iterator

import tensorflow as tf
from tandem_serving.fold.building import fold
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.grappler import tf_optimizer

from bench import machine
from bench.figures import Figure, compare
from bench.serving.model import ServedModel, served_model


def fold_nodes() -> Iterator[Figure]:
    """Count the nodes of the bench's model."""
    model = served_model(1)
    program = fold(model.spec, model.graph)
    runs = {
        "ours": [float(_nodes(program.graphs[program.rest.graph]))],
        "grappler_frozen": [float(grappler(model, frozen=True))],
        "grappler_live": [float(grappler(model, frozen=False))],
        "exported": [float(_nodes(model.graph))],
    }
    setting = (
        f"inputs counted; the engine runs them as a chain of {len(program.chain or ())} steps; grappler_frozen: "
        "weights as constants, so that every update would make the graph anew"
    )
    yield compare("fold_nodes", setting, "nodes", runs, load=machine.load())


def _nodes(graph: bytes) -> int:
    return len(graph_pb2.GraphDef.FromString(graph).node)


def grappler(model: ServedModel, *, frozen: bool) -> int:
    """Count the nodes that Grappler leaves, of the graph with weights fed or frozen into it."""
    definition = graph_pb2.GraphDef.FromString(model.graph)
    placeholders = [tensor.partition(":")[0] for tensor in model.spec.dense.weight_inputs]
    values = dict(zip(placeholders, model.weights.values(), strict=True))
    for node in definition.node:
        if frozen and node.name in values:
            constant = tf.make_tensor_proto(values[node.name])
            node.op = "Const"
            node.ClearField("attr")
            node.attr["value"].tensor.CopyFrom(constant)
            node.attr["dtype"].type = constant.dtype
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        for output in model.spec.dense.outputs:
            tf.compat.v1.add_to_collection("train_op", graph.get_tensor_by_name(output))
        meta = tf.compat.v1.train.export_meta_graph(graph=graph)
    return len(tf_optimizer.OptimizeGraph(config_pb2.ConfigProto(), meta).node)
