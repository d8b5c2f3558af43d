import gc
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tandem_ops as ops
import tensorflow as tf

from tests.ops.tables import DIM, assert_same, make_table

INVALID = tf.errors.InvalidArgumentError
EXTREME = [0, -1, 1, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize(
    ("ids", "shape"),
    [
        ([1, 2, 3], (3,)),
        (7, ()),
        (np.array([[1, 2], [3, 4]]), (2, 2)),
        (tf.zeros([2, 0, 3], tf.int64), (2, 0, 3)),
        (["a", "b"], (2,)),
        ([["a"], [b"\xff\x00"]], (2, 1)),
        (EXTREME, (5,)),
    ],
    ids=["list", "scalar", "numpy", "empty", "strings", "bytes", "extreme"],
)
def test_shapes_and_dtypes(ids, shape):
    table = make_table()
    rows, handles = table.lookup(ids)
    assert (rows.shape, rows.dtype) == ((*shape, DIM), tf.float32)
    assert (handles.shape, handles.dtype) == (shape, tf.int64)
    assert np.array_equal(table.peek(ids).numpy(), rows.numpy())
    table.apply(handles, tf.zeros_like(rows))
    assert table.size().numpy() == len(table.keys()) == table.remove(ids).numpy()
    assert table.size().numpy() == 0


def test_lookup_makes_rows_and_peek_does_not():
    table = make_table()
    assert not table.peek([5, 6]).numpy().any()
    assert table.size().numpy() == 0
    rows, handles = table.lookup([5, 9, 5], event_time=3)
    assert handles[0] == handles[2] != handles[1]
    assert table.keys().numpy().tolist() == [5, 9]
    assert np.array_equal(table.peek([9, 5, 4]).numpy(), [rows[1], rows[0], np.zeros(DIM)])


def test_keys_are_sorted_as_signed_numbers():
    table = make_table()
    table.lookup(EXTREME)
    assert table.keys().numpy().tolist() == sorted(EXTREME)


def test_a_string_is_its_fingerprint():
    table = make_table()
    rows, _ = table.lookup(["acme", "zenith"])
    keys = ops.fingerprint(["acme", "zenith"])
    assert np.array_equal(table.peek(keys).numpy(), rows.numpy())
    assert table.remove(keys[:1]).numpy() == 1
    assert not table.peek(["acme"]).numpy().any()


def test_handles_are_generation_and_row():
    table = make_table()
    first = table.lookup([1, 2])[1].numpy()
    assert sorted((first & 0xFFFFFFFF).tolist()) == [0, 1]
    table.remove([2])
    again = table.lookup([3])[1].numpy()
    assert again[0] & 0xFFFFFFFF == first[1] & 0xFFFFFFFF
    assert (again[0] >> 32) - (first[1] >> 32) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.remove([2]),
        lambda table: (table.remove([2]), table.lookup([2])),
        lambda table: (table.remove([2]), table.lookup([77])),
        lambda table: table.restore(table.snapshot()),
    ],
    ids=["removed", "removed and born again", "place reused", "restored"],
)
def test_a_stale_handle_is_refused_and_nothing_changes(spoil):
    table = make_table("brand")
    _, handles = table.lookup([1, 2])
    spoil(table)
    before = table.snapshot()
    with pytest.raises(INVALID, match=r'HashVariable "brand": handles\[\d\] \(row \d, generation \d+\) is no row'):
        table.apply(handles, tf.ones([2, DIM]))
    assert_same(table.snapshot(), before)


def test_a_handle_of_another_table_is_refused():
    table, other = make_table("user"), make_table("item")
    table.lookup([1])
    with pytest.raises(INVALID, match=r'"user": handles\[0\].*it comes from another table'):
        table.apply(other.lookup([1])[1], tf.zeros([1, DIM]))


def test_no_handle_is_passed_over():
    table = make_table()
    _, handles = table.lookup([1])
    table.apply(tf.concat([[ops.NO_HANDLE], handles], 0), tf.ones([2, DIM]))
    assert table.snapshot().steps.tolist() == [1]


CALLS = [
    ("ids float", lambda t, _: t.lookup([1.5]), r"ids must be of dtype int64 or string, not float32"),
    ("ids int32 tensor", lambda t, _: t.peek(tf.constant([1])), r"ids must be of dtype int64 or string, not int32"),
    ("ids too great", lambda t, _: t.lookup([2**63]), r"ids cannot become a tensor"),
    ("ids ragged", lambda t, _: t.remove([[1], [2, 3]]), r"ids cannot become a tensor"),
    ("time vector", lambda t, _: t.lookup([1], event_time=[1, 2]), r"event_time must be of shape \[\]"),
    ("time float", lambda t, _: t.lookup([1], event_time=1.5), r"event_time"),
    (
        "handles dtype",
        lambda t, h: t.apply(tf.cast(h, tf.int32), tf.zeros([2, DIM])),
        r"handles must be of dtype int64",
    ),
    (
        "grads dtype",
        lambda t, h: t.apply(h, tf.zeros([2, DIM], tf.float64)),
        r"grads must be of dtype float32, not float64",
    ),
    (
        "grads dim",
        lambda t, h: t.apply(h, tf.zeros([2, DIM + 1])),
        r"grads must have the shape .*\[2,3\]; it is \[2,4\]",
    ),
    ("grads rank", lambda t, h: t.apply(h, tf.zeros([2])), r"grads must have the shape"),
    ("grads count", lambda t, h: t.apply(h, tf.zeros([3, DIM])), r"grads must have the shape"),
    ("grads NaN", lambda t, h: t.apply(h, [[0.0] * DIM, [float("nan")] * DIM]), r"grads\[1\] is not finite"),
    (
        "rate vector",
        lambda t, h: t.apply(h, tf.zeros([2, DIM]), learning_rate=[0.1]),
        r"learning_rate must be of shape \[\]",
    ),
    (
        "rate infinite",
        lambda t, h: t.apply(h, tf.zeros([2, DIM]), learning_rate=float("inf")),
        r"learning_rate is not finite",
    ),
    ("epoch unknown", lambda t, _: t.ack(1), r"epoch 1 was not begun"),
    ("epoch negative", lambda t, _: t.ack(-1), r"epoch -1 was not begun"),
]


@pytest.mark.parametrize(("call", "message"), [c[1:] for c in CALLS], ids=[c[0] for c in CALLS])
def test_wrong_arguments_name_table_and_argument(call, message):
    table = make_table("user_id")
    _, handles = table.lookup([1, 2])
    before = table.snapshot()
    with pytest.raises(INVALID, match=rf'HashVariable "user_id": {message}'):
        call(table, handles)
    assert_same(table.snapshot(), before)


def test_shapes_known_only_at_run_time_are_checked_by_the_kernel():
    table = make_table()

    @tf.function(
        input_signature=[
            tf.TensorSpec(None, tf.int64),
            tf.TensorSpec(None, tf.float32),
            tf.TensorSpec(None, tf.float32),
        ]
    )
    def step(ids, grads, rate):
        table.apply(table.lookup(ids)[1], grads, learning_rate=rate)

    with pytest.raises(INVALID, match="grads must have the shape"):
        step(tf.constant([1], tf.int64), tf.zeros([1, DIM + 1]), tf.constant(0.1))
    with pytest.raises(INVALID, match=r"learning_rate must be of shape \[\], it is \[1\]"):
        step(tf.constant([1], tf.int64), tf.zeros([1, DIM]), tf.constant([0.1]))
    step(tf.constant([[1]], tf.int64), tf.zeros([1, 1, DIM]), tf.constant(0.1))


def test_a_step_in_a_function_keeps_its_order():
    table = make_table(optimizer=ops.SGD(learning_rate=1.0), initializer=ops.Zeros())

    @tf.function
    def step(ids):
        rows, handles = table.lookup(ids)
        with tf.GradientTape() as tape:
            tape.watch(rows)
            loss = tf.reduce_sum(rows * [1.0, 2.0, 3.0])
        table.apply(handles, tape.gradient(loss, rows))
        return rows, table.peek(ids), table.size()

    before, after, size = step(tf.constant([4, 4, 5], tf.int64))
    assert before.shape == (3, DIM)
    assert not before.numpy().any()
    assert after.numpy().tolist() == [[-2, -4, -6], [-2, -4, -6], [-1, -2, -3]]
    assert size.numpy() == 2


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_gradients_reach_the_rows_and_end_there(wrap):
    table = make_table()

    @wrap
    def gradient():
        with tf.GradientTape() as tape:
            scale = tf.constant(3.0)
            tape.watch(scale)
            rows, _ = table.lookup([1, 2])
            tape.watch(rows)
            loss = tf.reduce_sum(rows * scale) + tf.reduce_sum(table.peek([1]))
        return tape.gradient(loss, [rows, scale])

    rows, scale = gradient()
    assert rows.numpy().tolist() == [[3.0] * DIM] * 2
    assert scale.numpy() == pytest.approx(table.peek([1, 2]).numpy().sum(), rel=1e-5)


def test_sparse_gradients_are_taken():
    table = make_table(optimizer=ops.SGD(learning_rate=1.0), initializer=ops.Zeros())
    rows, handles = table.lookup([1, 2, 3])
    with tf.GradientTape() as tape:
        tape.watch(rows)
        loss = tf.reduce_sum(tf.gather(rows, [0, 0, 2]))
    table.apply(handles, tape.gradient(loss, rows))
    assert table.peek([1, 2, 3]).numpy()[:, 0].tolist() == [-2, 0, -1]


def test_static_shapes_are_known_in_a_graph():
    table = make_table()

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.string)])
    def shapes(ids):
        rows, handles = table.lookup(ids)
        assert rows.shape.as_list() == [None, 4, DIM]
        assert handles.shape.as_list() == [None, 4]
        assert table.peek(ids).shape.as_list() == [None, 4, DIM]
        assert table.keys().shape.as_list() == [None]
        return table.size()

    assert shapes(tf.constant([["a", "b", "c", "a"]])).numpy() == 3


@pytest.mark.parametrize("method", ["snapshot", "begin_delta"])
def test_numpy_calls_are_refused_in_a_graph(method):
    table = make_table()
    with pytest.raises(ops.NotEager, match=f'"user_id": {method} works on NumPy arrays'):
        tf.function(getattr(table, method))()


def test_tables_are_apart_even_with_one_name():
    one, two = make_table("same"), make_table("same")
    one.lookup([1])
    assert (one.size().numpy(), two.size().numpy()) == (1, 0)


def test_a_table_lives_as_long_as_a_function_that_uses_it():
    def make() -> tuple[Any, npt.NDArray[np.float32], Any]:
        table = make_table(initializer=ops.Uniform(1.0))
        rows = table.lookup([1])[0].numpy()
        peek = tf.function(table.peek).get_concrete_function(tf.TensorSpec([None], tf.int64))
        return peek, rows, weakref.ref(table)

    peek, rows, table = make()
    gc.collect()
    assert table() is None
    assert np.array_equal(peek(tf.constant([1], tf.int64)).numpy(), rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "name must not be empty"),
        ({"dim": 0}, r'"user_id": dim must be in 1 … 65536, not 0'),
        ({"dim": 65537}, "dim must be in"),
        ({"seed": 2**63}, "seed must fit into int64"),
    ],
    ids=str,
)
def test_impossible_tables_are_refused(arguments, message):
    with pytest.raises(ops.BadConfiguration, match=message):
        make_table(**arguments)


def test_repr_says_what_it_is():
    assert repr(make_table()) == (
        "HashVariable(name='user_id', dim=3, initializer=Uniform(scale=0.05), "
        "optimizer=Adagrad(learning_rate=0.1, initial_accumulator=0.1, epsilon=1e-07), seed=1, "
        "admission=Every(), default_value=0.0, max_bytes=0, at_limit='refuse')"
    )
