import numpy as np
import pytest
import tensorflow as tf
from tandem_serving.errors import BadExport
from tandem_serving.export import check_graph, program_of, sample_features
from tandem_serving.handover import Handover
from tandem_wire.objects import get_object
from tandem_wire.records import Part
from tandem_wire.tensors import unpack

from tests.serving.lineage_writer import DIM, SPEC, WORDS, word_id


def graph_of(build):
    scope = tf.Graph()
    with scope.as_default():
        build()
    return scope.as_graph_def().SerializeToString()


def unknown_op():
    definition = tf.compat.v1.GraphDef()
    definition.node.add(name="x", op="TandemHashLookup")
    return definition.SerializeToString()


BAD = [
    ("no graph", b"\xff\xff", "is no GraphDef"),
    ("an operation of our own", unknown_op(), "TandemHashLookup .*stock TensorFlow does not have"),
    ("a file", graph_of(lambda: tf.io.read_file("/etc/passwd")), "ReadFile .*touches files"),
    ("state", graph_of(lambda: tf.compat.v1.get_variable("v", [1], use_resource=True)), "keeps state"),
    ("random", graph_of(lambda: tf.random.uniform([3])), "keeps state"),
]


@pytest.mark.parametrize(("graph", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_graph_is_refused(graph, message):
    with pytest.raises(BadExport, match=message):
        check_graph(graph)


@pytest.fixture
def folder(store, writer):
    with Handover() as handover:
        for ref in writer.base(3).objects:
            if ref.part is Part.SERVING:
                handover.put(ref.name, get_object(store, ref))
        yield handover.path


def test_a_base_becomes_a_chain(folder):
    program = program_of(SPEC, folder)
    assert program.no_chain_because == ""
    assert [feature.name for feature in program.features] == list(SPEC.dense.features)


def test_samples_are_rows_of_the_base(folder):
    numeric, user, words = sample_features(SPEC, folder, rows=60)
    assert (numeric.shape, user.shape, words.shape) == ((60, 2), (60, DIM), (60, DIM))
    rows = unpack((folder / "rows-users.safetensors").read_bytes())["rows/users/values"]
    np.testing.assert_array_equal(user[: len(rows)], rows)
    np.testing.assert_array_equal(user[len(rows) :], rows[: 60 - len(rows)])
    assert len(np.unique(words, axis=0)) == len({word_id(word) for word in WORDS[:3]})


def test_a_graph_of_another_model_is_refused(folder):
    (folder / SPEC.dense.graph).unlink()
    (folder / SPEC.dense.graph).write_bytes(graph_of(lambda: tf.constant(1.0)))
    with pytest.raises(BadExport, match=r"can't be loaded as model.json describes it: .*no input feature_0:0"):
        program_of(SPEC, folder)


def test_weights_that_are_missing_are_named(folder):
    (folder / "weights.safetensors").unlink()
    (folder / "weights.safetensors").write_bytes((folder / "rows-users.safetensors").read_bytes())
    with pytest.raises(BadExport, match="weights/mlp/kernel"):
        program_of(SPEC, folder)
