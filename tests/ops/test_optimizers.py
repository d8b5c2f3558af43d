from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops import oracles
from tests.ops.tables import assert_same, make_table

DIM = 3
FORMS = [
    ops.GroupLasso(base, l1=0.02, l2=0.01, l21=0.05, form=form)
    for form in ("prox", "dual_averaging", "published")
    for base in (ops.Adagrad(learning_rate=0.1), ops.Adam(learning_rate=0.05, beta2=0.99, epsilon=1e-4))
]
OPTIMIZERS = [
    ops.SGD(learning_rate=0.1),
    ops.Adagrad(learning_rate=0.1),
    ops.Adagrad(learning_rate=0.5, initial_accumulator=0.0, epsilon=1e-3),
    ops.Adam(learning_rate=0.01),
    ops.Adam(learning_rate=0.1, beta1=0.5, beta2=0.9, epsilon=1e-4),
    ops.Adam(learning_rate=0.1, beta1=0.0, beta2=0.99),
    ops.Momentum(learning_rate=0.05),
    ops.Momentum(learning_rate=0.05, momentum=0.5, nesterov=True),
    ops.Ftrl(learning_rate=0.1, l1=0.1, l2=0.01),
    ops.Ftrl(learning_rate=0.5, power=0.3, initial_accumulator=0.0, epsilon=1.0),
    ops.GroupLasso(ops.SGD(learning_rate=0.1), l1=0.05, l2=0.1, l21=0.2),
    *FORMS,
]
# The same with one kind of penalty alone, and with penalties that kill most rows.
PENALISED = [
    replace(optimizer, l1=l1, l2=0.0, l21=l21)
    for optimizer in FORMS
    for l1, l21 in ((0.03, 0.0), (0.0, 0.1), (0.05, 0.5))
]


magnitudes = st.floats(0.015625, 4.0, width=32)
values = st.one_of(st.just(0.0), magnitudes, magnitudes.map(lambda x: -x))
gradients = st.tuples(values, values, values)
batches = st.lists(st.lists(st.tuples(st.integers(-2, 2), gradients), min_size=1, max_size=6), min_size=1, max_size=12)


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, *PENALISED], ids=repr)
@given(batches=batches)
@settings(max_examples=12)
def test_random_sequences_follow_the_formula(optimizer, batches):
    table = make_table(optimizer=optimizer, initializer=ops.Uniform(1.0))
    ids = np.arange(-2, 3, dtype=np.int64)
    begun = zip(ids.tolist(), table.lookup(ids)[0].numpy(), strict=True)
    rows = {key: oracles.born(optimizer, row) for key, row in begun}
    for batch in batches:
        keys = np.array([key for key, _ in batch], np.int64)
        grads = np.array([grad for _, grad in batch], np.float32)
        table.apply(table.lookup(keys)[1], grads)
        for key in np.unique(keys).tolist():
            oracles.step(optimizer, rows[key], grads[keys == key].astype(np.float64).sum(axis=0))
    snapshot = table.snapshot()
    assert snapshot.steps.tolist() == [row.t for row in rows.values()]
    np.testing.assert_allclose(snapshot.rows, [row.x for row in rows.values()], rtol=2e-5, atol=3e-5)
    for at, name in enumerate(optimizer.slot_names):
        slots = snapshot.slots[:, at * DIM : (at + 1) * DIM]
        if name == "pull":
            # What is left of terms that cancel, in units of the gradients.
            expected = [np.zeros(DIM) if row.z is None else row.pull() for row in rows.values()]
            np.testing.assert_allclose(slots, expected, rtol=2e-5, atol=2e-3)
        else:
            np.testing.assert_allclose(slots, [row.slots[name] for row in rows.values()], rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", [OPTIMIZERS[0], OPTIMIZERS[3], FORMS[3]], ids=repr)
@given(batch=st.lists(st.tuples(st.integers(0, 3), gradients), min_size=1, max_size=10))
@settings(max_examples=25)
def test_duplicates_are_one_step_of_their_sum_in_order(optimizer, batch):
    keys = np.array([key for key, _ in batch], np.int64)
    grads = np.array([grad for _, grad in batch], np.float32)
    distinct = np.unique(keys)
    sums = np.zeros((len(distinct), DIM), np.float32)
    for i, key in enumerate(distinct):
        first, *rest = grads[keys == key]
        sums[i] = first
        for grad in rest:
            sums[i] += grad
    combined, separate = make_table(optimizer=optimizer), make_table(optimizer=optimizer)
    combined.apply(combined.lookup(keys)[1], grads)
    separate.apply(separate.lookup(distinct)[1], sums)
    assert_same(combined.snapshot(), separate.snapshot())


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_eager_and_graph_give_the_same_bits(optimizer):
    def train(step: Callable[[Any], Any]) -> ops.Snapshot:
        random = np.random.default_rng(5)
        table = make_table(optimizer=optimizer)
        call = step(lambda ids, grads: table.apply(table.lookup(ids)[1], grads))
        for exponent in (0, 0, -20, -22, 0):  # squares of 1e-20 and 1e-22 are denormal or less
            ids = random.integers(0, 40, 100)
            grads = (random.standard_normal((100, DIM)) * 10.0**exponent).astype(np.float32)
            call(tf.constant(ids), tf.constant(grads))
        return table.snapshot()

    assert_same(train(lambda body: body), train(tf.function))


def test_a_row_born_late_is_corrected_by_its_own_steps():
    table = make_table(optimizer=ops.Adam(learning_rate=0.1), initializer=ops.Zeros())
    grads = np.full((1, DIM), 0.5, np.float32)
    for _ in range(50):
        table.apply(table.lookup([1])[1], grads)
    table.apply(table.lookup([2])[1], grads)
    np.testing.assert_allclose(table.peek([2]), np.full((1, DIM), -0.1), rtol=1e-5)


@pytest.mark.parametrize("rate", [0.25, tf.constant(0.25), np.float32(0.25)], ids=["float", "tensor", "numpy"])
def test_the_learning_rate_of_a_call(rate):
    table = make_table(optimizer=ops.SGD(learning_rate=9.0), initializer=ops.Zeros())
    table.apply(table.lookup([1])[1], np.ones((1, DIM), np.float32), learning_rate=rate)
    assert table.peek([1]).numpy().tolist() == [[-0.25] * DIM]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ops.SGD(learning_rate=0.0), r"SGD\.learning_rate must be finite, above 0\.0; it is 0\.0"),
        (lambda: ops.SGD(learning_rate=float("nan")), r"SGD\.learning_rate"),
        (lambda: ops.Adagrad(learning_rate=-1.0), r"Adagrad\.learning_rate"),
        (
            lambda: ops.Adagrad(learning_rate=1.0, initial_accumulator=-0.1),
            r"Adagrad\.initial_accumulator .* at least 0\.0",
        ),
        (lambda: ops.Adagrad(learning_rate=1.0, initial_accumulator=0.0, epsilon=0.0), r"divide 0 by 0"),
        (lambda: ops.Adam(learning_rate=1.0, beta1=1.0), r"Adam\.beta1 must be finite, at least 0\.0, below 1\.0"),
        (lambda: ops.Adam(learning_rate=1.0, beta2=-0.5), r"Adam\.beta2"),
        (lambda: ops.Adam(learning_rate=1.0, epsilon=0.0), r"Adam\.epsilon"),
        (lambda: ops.Momentum(learning_rate=1.0, momentum=1.0), r"Momentum\.momentum"),
        (lambda: ops.Ftrl(learning_rate=1.0, power=1.5), r"Ftrl\.power must be finite, at least 0\.0, below 1\.0"),
        (lambda: ops.Ftrl(learning_rate=1.0, initial_accumulator=0.0), r"Ftrl\.epsilon must be above 0"),
        (lambda: ops.Ftrl(learning_rate=1.0, l2=-1.0), r"Ftrl\.l2"),
    ],
)
def test_impossible_parameters_are_refused(make, message):
    with pytest.raises(ops.BadConfiguration, match=message):
        make()
