"""Rows that a tape connects to their table, held against TensorFlow's own lookups on a dense variable."""

import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.tables import DIM, make_table

INVALID = tf.errors.InvalidArgumentError
IDS = 8


def table_and_variable():
    """A table and a dense variable with the same rows 0 … IDS - 1; one SGD step is minus the gradient."""
    table = make_table(optimizer=ops.SGD(1.0), initializer=ops.Uniform(1.0))
    rows, _ = table.lookup(np.arange(IDS))
    return table, tf.Variable(rows)


def sparse(samples, dtype=tf.int64):
    ragged = tf.ragged.constant(samples, dtype=dtype, ragged_rank=1)
    return ragged.to_sparse(), ragged


def weighted(draw_weights):
    return st.lists(
        st.lists(st.tuples(st.integers(0, IDS - 1), draw_weights), min_size=1, max_size=5), min_size=1, max_size=5
    )


@settings(max_examples=20)
@given(
    samples=weighted(st.floats(0.125, 4, width=32)),
    combiner=st.sampled_from(["sum", "mean", "sqrtn"]),
    with_weights=st.booleans(),
    ragged=st.booleans(),
    wrap=st.sampled_from([lambda f: f, tf.function]),
)
def test_sums_means_and_gradients_are_tensorflows(samples, combiner, with_weights, ragged, wrap):
    table, variable = table_and_variable()
    ids = sparse([[i for i, _ in s] for s in samples])[ragged]
    factors = tf.constant([w for s in samples for _, w in s])
    upstream = np.random.default_rng(0).normal(size=(len(samples), DIM)).astype(np.float32)

    def gradients(combine, weight):
        with tf.GradientTape() as tape:
            tape.watch(factors)
            weights = ids.with_values(factors) if ragged else tf.SparseTensor(ids.indices, factors, ids.dense_shape)
            combined = combine(weights if with_weights else None)
            loss = tf.reduce_sum(combined * upstream)
        return combined, *tape.gradient(loss, [weight, factors], unconnected_gradients=tf.UnconnectedGradients.ZERO)

    theirs, expected, expected_factors = gradients(
        lambda weights: tf.nn.embedding_lookup_sparse(variable, ids, weights, combiner=combiner), variable
    )
    combined, gradient, of_factors = wrap(gradients)(
        lambda weights: ops.embedding_lookup_sparse(table, ids, weights, training=True, combiner=combiner), table.weight
    )
    np.testing.assert_allclose(combined, theirs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(of_factors, expected_factors, rtol=1e-4, atol=1e-5)
    table.apply_gradient(gradient)
    variable.assign_sub(tf.convert_to_tensor(expected))
    np.testing.assert_allclose(table.peek(np.arange(IDS)), variable, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
def test_samples_without_ids_or_weight_read_zeros_and_have_finite_gradients(combiner):
    table = make_table()
    ids, weights = sparse([[1, 2], [], [3], []])[1], sparse([[1.0, 2.0], [], [0.0], []], tf.float32)[1]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        combined = ops.embedding_lookup_sparse(table, ids, weights, training=True, combiner=combiner)
    assert combined.shape == (4, DIM)
    assert combined.numpy().any(axis=1).tolist() == [True, False, False, False]
    gradients = tape.gradient(combined, [table.weight, weights])
    assert np.isfinite(gradients[0].values).all()
    assert np.isfinite(gradients[1].flat_values).all()


def test_entries_of_a_sparse_tensor_may_come_in_any_order():
    table = make_table()
    table.lookup([1, 2, 3])
    mixed = tf.SparseTensor([[1, 0], [0, 1], [0, 0]], tf.constant([3, 2, 1], tf.int64), [2, 4])
    combined = ops.embedding_lookup_sparse(table, mixed, training=False, combiner="sum")
    rows = table.peek([1, 2, 3]).numpy()
    np.testing.assert_allclose(combined, [rows[0] + rows[1], rows[2]], rtol=1e-6)


def test_inference_makes_nothing_and_has_no_gradient():
    table = make_table()
    with tf.GradientTape() as tape:
        rows = ops.embedding_lookup(table, [1, 2], training=False)
        combined = ops.embedding_lookup_sparse(table, sparse([["a"]], tf.string)[1], training=False)
    assert (table.size().numpy(), rows.shape, combined.shape) == (0, (2, DIM), (1, DIM))
    assert tape.gradient(tf.reduce_sum(rows), table.weight) is None


def test_two_uses_of_a_table_make_one_step_per_row():
    table = make_table(initializer=ops.Zeros(), optimizer=ops.SGD(1.0))
    with tf.GradientTape() as tape:
        first = ops.embedding_lookup(table, [1, 2], training=True, event_time=5)
        second = ops.embedding_lookup(table, [[2], [3]], training=True, event_time=4)
        loss = tf.reduce_sum(first) + 2 * tf.reduce_sum(second)
    table.apply_gradient(tape.gradient(loss, table.weight))
    cut = table.snapshot()
    assert (cut.rows[:, 0].tolist(), cut.steps.tolist(), cut.seen.tolist()) == ([-1, -3, -2], [1, 1, 1], [5, 5, 4])


def test_asking_a_tape_changes_nothing():
    table = make_table()
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_sum(ops.embedding_lookup(table, [1], training=True))
    for _ in range(2):
        tape.gradient(loss, table.weight)
    assert table.snapshot().steps.tolist() == [0]


def test_a_clipped_gradient_and_a_learning_rate_arrive():
    table = make_table(initializer=ops.Zeros(), optimizer=ops.SGD(1.0))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(ops.embedding_lookup(table, [1], training=True) * [3.0, 4.0, 0.0])
    (clipped,), _ = tf.clip_by_global_norm([tape.gradient(loss, table.weight)], 1.0)
    table.apply_gradient(clipped, learning_rate=10.0)
    np.testing.assert_allclose(table.peek([1]), [[-6, -8, 0]], rtol=1e-6)


def test_a_forward_pass_in_a_function_is_differentiated_from_outside():
    table = make_table(initializer=ops.Zeros(), optimizer=ops.SGD(1.0))
    forward = tf.function(lambda ids: tf.reduce_sum(ops.embedding_lookup(table, ids, training=True)))
    with tf.GradientTape() as tape:
        loss = forward(tf.constant([7, 7], tf.int64))
    table.apply_gradient(tape.gradient(loss, table.weight))
    assert table.peek([7]).numpy().tolist() == [[-2] * DIM]


RAGGED, FLOATS = sparse([[1, 2]])[1], sparse([[1.0, 2.0]], tf.float32)[1]
# ids, weights, combiner and what is said of them.
REFUSED = [
    (tf.constant([[1]]), None, "sum", "ids must be a tf.SparseTensor"),
    (tf.ragged.constant([[1.5]]), None, "sum", "ids must be of dtype int64 or string, not float32"),
    (tf.ragged.constant([[[1]]], tf.int64), None, "sum", "ids must be of rank 2"),
    (RAGGED, None, "max", "combiner must be one of sum, mean, sqrtn, not 'max'"),
    (RAGGED, FLOATS.to_sparse(), "sum", "weights must be of the kind of ids"),
    (RAGGED, RAGGED, "sum", "weights must be of dtype float32, not int64"),
    (RAGGED, FLOATS[:, :1], "sum", "weights must have as many entries for each sample"),
    (sparse([[1], [2]])[1], sparse([[1.0, 2.0], []], tf.float32)[1], "sum", "weights must have as many entries"),
]


@pytest.mark.parametrize(("ids", "weights", "combiner", "message"), REFUSED, ids=[r[3][:30] for r in REFUSED])
@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_refusals_name_table_and_argument(ids, weights, combiner, message, wrap):
    table = make_table("tags")
    call = wrap(lambda: ops.embedding_lookup_sparse(table, ids, weights, training=True, combiner=combiner))
    with pytest.raises(INVALID, match=rf'HashVariable \\?"tags\\?": {message}'):
        call()
    assert table.size().numpy() == 0


def test_a_dense_gradient_is_refused():
    with pytest.raises(INVALID, match='"tags": gradient must be the tf'):
        make_table("tags").apply_gradient(tf.zeros([0, DIM]))
