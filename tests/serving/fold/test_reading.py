import dataclasses

import pytest
import tensorflow as tf
from tandem_serving.errors import BadExport
from tandem_serving.fold import fold
from tandem_serving.fold.reading import Export
from tandem_serving.fold.sizes import BATCH, Size
from tensorflow.core.framework import graph_pb2

from tests.serving.fold import running
from tests.serving.fold.test_building import check, head


@pytest.fixture(scope="module")
def exported():
    return running.export({"a": 4}, lambda f, w: {"ctr": head(f["a"], w)})


def changed(exported, change):
    definition = graph_pb2.GraphDef.FromString(exported.graph)
    change({node.name: node for node in definition.node})
    return definition.SerializeToString()


def of_type(nodes):
    nodes["feature_0"].attr["dtype"].type = tf.float64.as_datatype_enum


def of_width(nodes):
    nodes["feature_0"].attr["shape"].shape.dim[1].size = 5


def renamed(name):
    def change(nodes):
        nodes[name].name = "other"

    return change


BAD = [
    ("another type", of_type, "input feature_0:0 is not float32; export features and weights as float32"),
    ("another width", of_width, r"input feature_0:0 has shape \[-1, 5\], model.json says \[-1, 4\]"),
    ("no such feature", renamed("feature_0"), "has no input feature_0:0, which model.json names"),
    ("no such weight", renamed("weight_1"), "has no input weight_1:0, which model.json names"),
    ("no such output", renamed("output_0"), "has no output output_0:0, which model.json names"),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_an_export_that_does_not_fit_model_json_is_refused(exported, change, message):
    with pytest.raises(BadExport, match=message):
        fold(exported.spec, changed(exported, change))


def test_no_graph(exported):
    with pytest.raises(BadExport, match=r"dense.graph.pb is no GraphDef"):
        fold(exported.spec, b"\xff\xff")


def test_one_tensor_as_two_inputs(exported):
    dense = dataclasses.replace(exported.spec.dense, weight_inputs=("weight_0:0", "weight_0:0"))
    with pytest.raises(BadExport, match="names one tensor as two inputs"):
        fold(dataclasses.replace(exported.spec, dense=dense), exported.graph)


def test_a_placeholder_of_nobody():
    def build(f, weight):
        extra = tf.compat.v1.placeholder(tf.float32, [4], "keep_prob")
        return {"ctr": head(f["a"] * extra, weight)}

    exported = running.export({"a": 4}, build)
    with pytest.raises(BadExport, match="need placeholder keep_prob, which"):
        fold(exported.spec, exported.graph)


def test_placeholders_that_nothing_reads_are_nobodys_business():
    def build(f, weight):
        tf.compat.v1.placeholder(tf.float32, [4], "labels")
        weight(3)  # a weight that only training reads
        return {"ctr": head(f["a"], weight)}

    program = check(running.export({"a": 4, "unused": 2}, build))
    assert [slot.weight for slot in program.slots] == [1, 2]
    assert program.fold is None


def test_what_is_fed_need_not_be_a_placeholder(exported):
    """TensorFlow feeds any tensor; a default is one of the usual ways to export an input."""

    definition = graph_pb2.GraphDef.FromString(exported.graph)
    (fed,) = (node for node in definition.node if node.name == "weight_1")
    fed.op = "PlaceholderWithDefault"
    fed.input.append("default")
    fed.attr["shape"].shape.dim[0].size = 1
    with tf.Graph().as_default() as scope:
        tf.constant([0.0], name="default")
        definition.node.extend(scope.as_graph_def().node)
    check(dataclasses.replace(exported, graph=definition.SerializeToString()))


def test_names_of_devices_and_places_do_not_survive(exported):
    def change(nodes):
        nodes["Sigmoid"].device = "/job:ps/task:0"
        nodes["Sigmoid"].attr["_class"].list.s.append(b"loc:@gone")

    program = fold(exported.spec, changed(exported, change))
    text = program.graphs["rest.pb"]
    assert b"/job:ps" not in text
    assert b"loc:@" not in text


def test_control_inputs_are_left_out(exported):
    definition = graph_pb2.GraphDef.FromString(exported.graph)
    (product,) = (node for node in definition.node if node.op == "MatMul")
    product.input.append("^nowhere_that_matters")
    with tf.Graph().as_default() as scope:
        tf.no_op("nowhere_that_matters")
        definition.node.extend(scope.as_graph_def().node)
    check(dataclasses.replace(exported, graph=definition.SerializeToString()))


def test_features_that_are_read_have_their_widths(exported):
    assert list(Export(exported.spec, exported.graph).features.values()) == [(BATCH, Size(4))]
