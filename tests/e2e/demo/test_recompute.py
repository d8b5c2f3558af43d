import numpy as np
import pytest
import tensorflow as tf
import xxhash
from tandem_wire.bases import BaseDraft, put_base
from tandem_wire.config import StoreConfig
from tandem_wire.layout import new_uid
from tandem_wire.lineage import Rows
from tandem_wire.model import (
    DenseSpec,
    DType,
    Group,
    InputSpec,
    ModelSpec,
    OutputSpec,
    Pooling,
    TableSpec,
    WeightSpec,
)
from tandem_wire.objects import put_objects
from tandem_wire.records import Part
from tandem_wire.store import open_store
from tandem_wire.tensors import pack

from e2e.demo.recompute import Oracle, column, look_up
from e2e.demo.truth import Truth

DIM = 2
FEATURES = Truth(3).draw(0.0, 6).features


def hashed(text):
    return np.array(xxhash.xxh64_intdigest(text), np.uint64).view(np.int64)


def test_ids_without_a_row_read_as_zeros():
    rows = Rows(np.array([-5, 2, 9]), np.array([[1, 2], [3, 4], [5, 6]], np.float32))
    found = look_up(rows, np.array([[9, 2], [3, -5], [10, -6]]))
    assert found.tolist() == [[5, 6, 3, 4], [0, 0, 1, 2], [0, 0, 0, 0]]
    empty = Rows(np.zeros(0, np.int64), np.zeros((0, DIM), np.float32))
    assert look_up(empty, np.array([[1]])).tolist() == [[0, 0]]


def test_strings_become_the_int64_of_the_format():
    assert column(FEATURES, "query")[:, 0].tolist() == [hashed(text) for text in FEATURES.query]
    assert column(FEATURES, "numeric").shape == (6, 4)
    assert column(FEATURES, "user_id").shape == (6, 1)


def graph():
    made = tf.Graph()
    with made.as_default():
        query, numeric = (
            tf.compat.v1.placeholder(tf.float32, (None, width), name) for name, width in (("q", DIM), ("n", 4))
        )
        weight = tf.compat.v1.placeholder(tf.float32, (4,), "w")
        tf.identity(tf.sigmoid(tf.reduce_sum(query, 1) + tf.linalg.matvec(numeric, weight)), "ctr")
        tf.identity(tf.sigmoid(tf.reduce_sum(query, 1)), "cvr")
    return made.as_graph_def().SerializeToString()


@pytest.fixture
def store(tmp_path):
    store = open_store(StoreConfig(url=f"file://{tmp_path}"))
    model = ModelSpec(
        name="search",
        inputs=(
            InputSpec("query", DType.STRING, "query", Pooling.NONE, 1),
            InputSpec("numeric", DType.FLOAT32, None, Pooling.NONE, 4),
        ),
        tables=(TableSpec("query", DIM, Group.FREEZING),),
        weights=(WeightSpec("w", (4,)),),
        dense=DenseSpec("dense.graph.pb", ("query", "numeric"), ("q:0", "n:0"), ("w:0",), ("ctr:0", "cvr:0")),
        outputs=(OutputSpec("ctr", DType.FLOAT32, "ctr"), OutputSpec("cvr", DType.FLOAT32, "cvr")),
    )
    keys = np.sort(np.array([hashed(text) for text in set(FEATURES.query[:3])]))
    values = np.arange(len(keys) * DIM, dtype=np.float32).reshape(-1, DIM) / 10
    uid = new_uid()
    objects = put_objects(
        store,
        uid,
        "c0",
        {
            (Part.SERVING, "model.json"): model.to_json().encode(),
            (Part.SERVING, "dense.graph.pb"): graph(),
            (Part.SERVING, "rows-query.safetensors"): pack({"rows/query/keys": keys, "rows/query/values": values}),
            (Part.SERVING, "weights.safetensors"): pack({"weights/w": np.ones(4, np.float32)}),
        },
    )
    put_base(
        store,
        BaseDraft(
            model="demo/search",
            number=0,
            uid=uid,
            parent=None,
            positions={},
            watermark=None,
            step=1,
            objects=objects,
            contract={},
        ),
    )
    return store, dict(zip(keys.tolist(), values, strict=True))


def test_the_oracle_answers_as_the_store_says(store):
    store, rows = store
    oracle = Oracle.of(store, 0)
    found = oracle.predict(oracle.state(0), FEATURES)
    sums = np.array([rows.get(int(hashed(text)), np.zeros(DIM)).sum() for text in FEATURES.query])
    assert found["cvr"] == pytest.approx(1 / (1 + np.exp(-sums)), abs=1e-6)
    assert found["ctr"] == pytest.approx(1 / (1 + np.exp(-sums - FEATURES.numeric.sum(1))), abs=1e-6)
