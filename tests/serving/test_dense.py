import numpy as np
import pytest
import tensorflow as tf
from tandem_serving.dense import Dense, aligned
from tandem_serving.errors import BadExport
from tandem_wire.config import StoreConfig
from tandem_wire.store import open_store

from tests.serving.lineage_writer import DIM, SPEC, LineageWriter, dense_graph


@pytest.fixture(scope="module")
def graph():
    return dense_graph()


@pytest.fixture(scope="module")
def weights(graph, tmp_path_factory):
    made = LineageWriter(open_store(StoreConfig(f"file://{tmp_path_factory.mktemp('store')}")), graph=graph).weights()
    return [made[spec.name] for spec in SPEC.weights]


def features(rows):
    random = np.random.default_rng(rows)
    return [random.normal(size=(rows, width)).astype(np.float32) for width in (2, DIM, DIM)]


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5, 8, 9, 21])
def test_padding_and_cutting_change_no_answer(graph, weights, rows):
    dense, one_by_one = Dense(SPEC, graph, (2, 4)), Dense(SPEC, graph, (1,))
    given = features(rows)
    outputs, singles = dense.run(given, weights), one_by_one.run(given, weights)
    for output, single in zip(outputs, singles, strict=True):
        assert output.shape == (rows,)
        np.testing.assert_allclose(output, single, rtol=1e-5)


def test_an_answer_depends_on_the_weights_it_is_given(graph, weights):
    dense, given = Dense(SPEC, graph), features(4)
    other = [weight + np.float32(0.1) for weight in weights]
    first, second = dense.run(given, weights), dense.run(given, other)
    assert not np.allclose(first[0], second[0])
    np.testing.assert_array_equal(dense.run(given, weights)[0], first[0])


@pytest.mark.parametrize(("sizes", "expected"), [((), (1, 8, 32, 128, 512)), ((64, 1, 8, 8), (1, 8, 64))])
def test_sizes(graph, sizes, expected):
    assert Dense(SPEC, graph, sizes).sizes == expected


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
    ("inputs missing", graph_of(lambda: tf.constant(1.0)), "can't be loaded as model.json describes it"),
]


@pytest.mark.parametrize(("graph", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_export_is_refused_when_loaded(graph, message):
    with pytest.raises(BadExport, match=message):
        Dense(SPEC, graph)


def test_outputs_of_another_shape_are_refused(weights):
    def build():
        v1 = tf.compat.v1
        for i, width in enumerate((2, DIM, DIM)):
            v1.placeholder(tf.float32, [None, width], name=f"feature_{i}")
        for i, spec in enumerate(SPEC.weights):
            v1.placeholder(tf.float32, spec.shape, name=f"weight_{i}")
        tf.constant([1.0], name="ctr")
        tf.constant([1.0], name="cvr")

    with pytest.raises(BadExport, match="must be float32 of shape"):
        Dense(SPEC, graph_of(build)).run(features(3), weights)


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (0, 4)])
def test_aligned(shape):
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    copy = aligned(array)
    np.testing.assert_array_equal(copy, array)
    assert copy.shape == shape
    assert copy.size == 0 or copy.ctypes.data % 64 == 0
    assert not copy.flags.writeable
