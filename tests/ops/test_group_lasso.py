"""Sparse group lasso: what its penalties reach, beside the formulas that test_optimizers.py follows step by step."""

from typing import Literal

import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops import oracles
from tests.ops.tables import assert_same, make_table

BASES: list[ops.SGD | ops.Adagrad | ops.Adam] = [
    ops.SGD(learning_rate=0.02),
    ops.Adagrad(learning_rate=0.3),
    ops.Adam(learning_rate=0.02),
]
ADAPTIVE = BASES[1:]
# A convex problem whose curvatures differ by fifty: ½ Σ q (x - c)² and the penalties. Its minimiser is known.
CURVATURE = np.array([1.0, 4.0, 25.0, 0.5])
CENTRE = np.array([0.8, -0.5, 0.3, 0.02])
PENALTIES = [
    {"l1": 0.05, "l2": 0.0, "l21": 0.1},
    {"l1": 0.02, "l2": 0.05, "l21": 0.2},
    {"l1": 0.0, "l2": 0.0, "l21": 0.8},
    {"l1": 0.0, "l2": 0.0, "l21": 4.5},  # the whole row dies
]


def solution(l1: float, l2: float, l21: float) -> oracles.Floats:
    return oracles.minimiser(CURVATURE * CENTRE, CURVATURE + 2 * l2, l1, np.sqrt(len(CENTRE)) * l21)


def descend(optimizer: ops.Optimizer, steps: int) -> oracles.Floats:
    """Where the gradients of the problem lead a row."""
    table = make_table(dim=len(CENTRE), initializer=ops.Uniform(0.5), optimizer=optimizer)

    def one(at: tf.Tensor) -> tuple[tf.Tensor]:
        rows, handles = table.lookup(np.array([1]))
        table.apply(handles, tf.cast(CURVATURE, tf.float32) * (rows - tf.cast(CENTRE, tf.float32)))
        return (at + 1,)

    tf.function(lambda: tf.while_loop(lambda at: at < steps, one, [0]), autograph=False)()
    reached: oracles.Floats = table.peek([1]).numpy()[0]
    return reached


@pytest.mark.parametrize("penalties", PENALTIES, ids=str)
@pytest.mark.parametrize(
    ("base", "form", "steps", "within"),
    [
        *((base, "prox", 1200, 2e-5) for base in BASES),
        (BASES[1], "dual_averaging", 1200, 2e-4),
        (BASES[2], "dual_averaging", 3000, 1e-3),
    ],
    ids=str,
)
def test_prox_and_dual_averaging_reach_the_known_solution(base, form, steps, within, penalties):
    expected = solution(**penalties)
    reached = descend(ops.GroupLasso(base, form=form, **penalties), steps)
    np.testing.assert_allclose(reached, expected, atol=within)
    assert ((reached == 0) == (expected == 0)).all(), "zeros are exact, and no others"


@pytest.mark.parametrize("penalties", PENALTIES[:3], ids=str)
@pytest.mark.parametrize("base", ADAPTIVE, ids=str)
def test_the_published_form_forgets_its_penalties(base, penalties):
    reached = descend(ops.GroupLasso(base, form="published", **penalties), 1200)
    assert np.abs(reached - solution(**penalties)).max() > 0.1
    np.testing.assert_allclose(reached, CENTRE, atol=1e-3)


gradients = st.lists(st.floats(-2, 2, width=32), min_size=5, max_size=5)


@pytest.mark.parametrize("base", BASES, ids=str)
@given(steps=st.lists(gradients, min_size=1, max_size=10))
@settings(max_examples=15)
def test_without_penalties_prox_is_the_base_bit_for_bit(base, steps):
    plain, prox = (make_table(dim=5, optimizer=o) for o in (base, ops.GroupLasso(base)))
    for grads in steps:
        for table in (plain, prox):
            table.apply(table.lookup([7])[1], np.array([grads], np.float32))
    assert_same(plain.snapshot(), prox.snapshot())


@pytest.mark.parametrize("base", ADAPTIVE, ids=str)
@given(steps=st.lists(gradients, min_size=1, max_size=30))
@settings(max_examples=15)
def test_without_penalties_dual_averaging_is_the_base_to_rounding(base, steps):
    plain, dual = (make_table(dim=5, optimizer=o) for o in (base, ops.GroupLasso(base, form="dual_averaging")))
    for at, grads in enumerate(steps):
        for table in (plain, dual):
            rate = 0.1 / (1 + at % 3)  # the pull needs no learning rate of the step before
            table.apply(table.lookup([7])[1], np.array([grads], np.float32), learning_rate=rate)
    np.testing.assert_allclose(dual.peek([7]), plain.peek([7]), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("form", ["prox", "dual_averaging"])
def test_a_dead_row_comes_back_when_its_gradient_persists(form):
    optimizer = ops.GroupLasso(ops.Adagrad(learning_rate=0.1), l21=0.5, form=form)
    table = make_table(dim=4, initializer=ops.Zeros(), optimizer=optimizer)
    noise = np.random.default_rng(3).standard_normal((200, 4)).astype(np.float32) * 0.1
    for grads in noise:
        table.apply(table.lookup([1])[1], grads[None])
    assert not table.peek([1]).numpy().any()
    for _ in range(400):
        table.apply(table.lookup([1])[1], np.full((1, 4), -2.0, np.float32))
    assert table.peek([1]).numpy().all()


def test_noise_revives_weights_under_prox_and_not_under_dual_averaging():
    def alive(form: Literal["prox", "dual_averaging"]) -> float:
        optimizer = ops.GroupLasso(ops.Adagrad(learning_rate=0.1), l21=0.3, form=form)
        table = make_table(dim=4, initializer=ops.Zeros(), optimizer=optimizer)
        random = np.random.default_rng(3)
        seen = []
        for _ in range(60):
            handles = table.lookup(np.arange(50))[1]
            table.apply(handles, random.standard_normal((50, 4)).astype(np.float32))
            seen.append(table.peek(np.arange(50)).numpy().any(axis=1).mean())
        return float(np.mean(seen[-20:]))

    assert alive("prox") > 0.5
    assert alive("dual_averaging") < 0.05


@pytest.mark.parametrize("rate", [0.0, -0.1])
@pytest.mark.parametrize("form", ["dual_averaging", "published"])
def test_forms_that_divide_by_the_rate_refuse_none(form, rate):
    table = make_table(name="brand", optimizer=ops.GroupLasso(ops.Adam(0.1), l21=0.1, form=form))
    handles = table.lookup([1])[1]
    before = table.snapshot()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r'"brand".*learning_rate must be positive'):
        table.apply(handles, np.ones((1, 3), np.float32), learning_rate=rate)
    assert_same(table.snapshot(), before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ops.GroupLasso(ops.Adam(0.1), l21=-1.0),
            r"GroupLasso\.l21 must be finite, at least 0\.0; it is -1\.0",
        ),
        (lambda: ops.GroupLasso(ops.Adam(0.1), l1=float("inf")), r"GroupLasso\.l1"),
        (lambda: ops.GroupLasso(ops.SGD(0.1), form="published"), r'form "published" needs Adagrad or Adam'),
        (lambda: ops.GroupLasso(ops.Momentum(0.1)), r"base must be SGD, Adagrad or Adam, not Momentum"),  # type: ignore[arg-type]
        (lambda: ops.GroupLasso(ops.Adam(0.1), form="lasso"), r"form must be one of prox, dual_averaging, published"),  # type: ignore[arg-type]
    ],
)
def test_impossible_descriptions_are_refused(make, message):
    with pytest.raises(ops.BadConfiguration, match=message):
        make()


def test_what_the_core_is_told():
    optimizer = ops.GroupLasso(ops.Adam(0.1, beta1=0.5), l21=0.25, form="dual_averaging")
    assert optimizer.kind == "dual_averaging:adam"
    assert optimizer.options() == {"beta1": 0.5, "beta2": 0.999, "epsilon": 1e-8, "l1": 0.0, "l2": 0.0, "l21": 0.25}
    assert (optimizer.slots, optimizer.layout, optimizer.learning_rate) == (3, "m+v+pull", 0.1)
    assert ops.GroupLasso(ops.Adam(0.1)).layout == ops.Adam(0.1).layout
