"""The figure fold_nodes: how much smaller the benchmark's model is than what Grappler makes of it."""

import pytest
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.grappler import tf_optimizer

from bench.serving.model import served_model
from tests.serving.fold import running
from tests.serving.fold.test_building import check


@pytest.fixture(scope="module")
def exported():
    model = served_model(1)
    return running.Exported(model.spec, model.graph, list(model.weights.values()))


def grappler(exported, *, frozen):
    """Count the nodes that Grappler leaves, of the graph with weights fed or frozen into it."""
    definition = graph_pb2.GraphDef.FromString(exported.graph)
    values = {tensor.partition(":")[0]: i for i, tensor in enumerate(exported.spec.dense.weight_inputs)}
    for node in definition.node:
        if frozen and node.name in values:
            constant = tf.make_tensor_proto(exported.weights[values[node.name]])
            node.op = "Const"
            node.ClearField("attr")
            node.attr["value"].tensor.CopyFrom(constant)
            node.attr["dtype"].type = constant.dtype
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        for output in exported.spec.dense.outputs:
            tf.compat.v1.add_to_collection("train_op", graph.get_tensor_by_name(output))
        return len(tf_optimizer.OptimizeGraph(config_pb2.ConfigProto(), _meta(graph)).node)


def _meta(graph):
    return tf.compat.v1.train.export_meta_graph(graph=graph)


def test_nodes(exported):
    program = check(exported, rows=64)
    rest = running.nodes(program.graphs["rest.pb"])
    assert rest == 32
    assert grappler(exported, frozen=True) == 47  # weights frozen, which live weights forbid
    assert grappler(exported, frozen=False) == 76
    assert [step.op for step in program.chain or ()] == ["concat", "dense", "dense", "dense", "dense", "dense"]
    left = running.operations(program.graphs["rest.pb"])
    assert not {"Mul", "Rsqrt", "Sub"}.intersection(left)
