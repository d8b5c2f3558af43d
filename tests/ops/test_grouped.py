import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.tables import DIM, assert_same, make_table

INVALID = tf.errors.InvalidArgumentError


def make_pair(n):
    """Two lists of equal tables: one for grouped calls, one for single ones."""
    return [[make_table(f"t{i}", dim=1 + i % 4, seed=i) for i in range(n)] for _ in range(2)]


@settings(max_examples=25)
@given(
    batches=st.lists(
        st.lists(st.integers(-5, 20), max_size=30) | st.lists(st.sampled_from("abc"), max_size=9),
        min_size=1,
        max_size=6,
    ),
    wrap=st.sampled_from([lambda f: f, tf.function]),
)
def test_a_grouped_step_is_the_single_steps(batches, wrap):
    together, apart = make_pair(len(batches))
    ids = [tf.constant(b, tf.string if b and isinstance(b[0], str) else tf.int64) for b in batches]

    @wrap
    def step():
        rows, handles = ops.grouped_lookup(together, ids, event_time=7)
        ops.grouped_apply(together, handles, [r + 1.0 for r in rows])
        return ops.grouped_peek(together, ids)

    after = step()
    for table, own, found in zip(apart, ids, after, strict=True):
        rows, handles = table.lookup(own, event_time=7)
        table.apply(handles, rows + 1.0)
        assert np.array_equal(table.peek(own), found)
    for left, right in zip(together, apart, strict=True):
        assert_same(left.snapshot(), right.snapshot())


def test_many_ids_on_many_threads_are_the_single_steps():
    together, apart = make_pair(9)
    ids = [np.random.default_rng(i).zipf(1.2, 3000 * (i + 1)) for i in range(9)]
    rows, handles = ops.grouped_lookup(together, ids)
    ops.grouped_apply(together, handles, rows)
    for table, own, copy in zip(apart, ids, together, strict=True):
        found, at = table.lookup(own)
        table.apply(at, found)
        assert_same(table.snapshot(), copy.snapshot())


def test_a_table_at_two_positions_is_worked_off_in_order():
    table = make_table(initializer=ops.Zeros(), optimizer=ops.Adagrad(0.1))
    rows, handles = ops.grouped_lookup([table, table], [[1, 2], [[2], [3]]])
    assert [r.shape.as_list() for r in rows] == [[2, DIM], [2, 1, DIM]]
    assert handles[0][1] == handles[1][0][0]
    ops.grouped_apply([table, table], handles, [tf.ones_like(r) for r in rows])
    assert table.snapshot().steps.tolist() == [1, 2, 1]


def test_no_tables_are_no_work():
    assert ops.grouped_lookup([], []) == ([], [])
    assert ops.grouped_peek([], []) == []
    ops.grouped_apply([], [], [], learning_rate=0.1)


def test_one_learning_rate_serves_all_tables():
    tables = [make_table(name, initializer=ops.Zeros(), optimizer=ops.SGD(rate)) for name, rate in [("a", 1), ("b", 2)]]
    rows, handles = ops.grouped_lookup(tables, [[1], [1]])
    grads = [tf.ones_like(r) for r in rows]
    ops.grouped_apply(tables, handles, grads)
    assert [p.numpy()[0, 0] for p in ops.grouped_peek(tables, [[1], [1]])] == [-1, -2]
    ops.grouped_apply(tables, handles, grads, learning_rate=tf.constant(4.0))
    assert [p.numpy()[0, 0] for p in ops.grouped_peek(tables, [[1], [1]])] == [-5, -6]


CALLS = [
    (
        "ids too few",
        lambda t, *_: ops.grouped_lookup(t, [[1]]),
        "grouped_lookup: ids must be as many as tables, 2, not 1",
    ),
    ("peek too many", lambda t, *_: ops.grouped_peek(t, [[1]] * 3), "grouped_peek: ids .* 2, not 3"),
    ("grads too few", lambda t, h, g: ops.grouped_apply(t, h, g[:1]), "grouped_apply: grads .* 2, not 1"),
    ("dtype of the second", lambda t, *_: ops.grouped_lookup(t, [[1], [1.5]]), '"item": ids must be of dtype int64'),
    ("time", lambda t, *_: ops.grouped_lookup(t, [[1], [1]], event_time=[1]), '"user": event_time must be of shape'),
    (
        "shape of the second",
        lambda t, h, g: ops.grouped_apply(t, h, [g[0], g[1][:1]]),
        '"item": grads must have the shape',
    ),
    ("handles swapped", lambda t, h, g: ops.grouped_apply(t, h[::-1], g), '"user": .*handles'),
    (
        "NaN in the second",
        lambda t, h, g: ops.grouped_apply(t, h, [g[0], g[1] * np.nan]),
        r'"item": grads\[0\] is not fin',
    ),
    ("rate", lambda t, h, g: ops.grouped_apply(t, h, g, learning_rate=[0.1]), '"user": learning_rate must be of shape'),
]


@pytest.mark.parametrize(("call", "message"), [c[1:] for c in CALLS], ids=[c[0] for c in CALLS])
def test_refusals_name_call_table_and_argument(call, message):
    tables = [make_table("user"), make_table("item")]
    rows, handles = ops.grouped_lookup(tables, [[1, 2], [3, 4]])
    with pytest.raises(INVALID, match=message):
        call(tables, handles, [tf.ones_like(r) for r in rows])


def test_a_table_that_refuses_is_as_it_was_and_the_others_step():
    good, bad = tables = [make_table("good"), make_table("bad")]
    rows, handles = ops.grouped_lookup(tables, [[1], [1]])
    bad.remove([1])
    with pytest.raises(INVALID, match='"bad": handles'):
        ops.grouped_apply(tables, handles, rows)
    assert (good.snapshot().steps.tolist(), bad.size().numpy()) == ([1], 0)


def test_static_shapes_and_string_ids_in_a_graph():
    tables = [make_table("a", dim=2), make_table("b", dim=5)]

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.string), tf.TensorSpec([3], tf.int64)])
    def shapes(strings, numbers):
        rows, handles = ops.grouped_lookup(tables, [strings, numbers])
        assert [r.shape.as_list() for r in rows] == [[None, 4, 2], [3, 5]]
        assert [h.shape.as_list() for h in handles] == [[None, 4], [3]]
        assert [r.shape.as_list() for r in ops.grouped_peek(tables, [strings, numbers])] == [[None, 4, 2], [3, 5]]
        return [t.size() for t in tables]

    assert [int(n) for n in shapes(tf.constant([["a", "b", "c", "a"]]), tf.constant([1, 2, 3], tf.int64))] == [3, 3]
