import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf
from tandem_ops.dense import DenseGroupLasso

from tests.ops import oracles

SHAPE = (6, 4)
BASES: list[ops.SGD | ops.Adagrad | ops.Adam] = [
    ops.SGD(learning_rate=0.1),
    ops.Adagrad(learning_rate=0.1),
    ops.Adam(learning_rate=0.05, beta2=0.99),
]
WAYS = [
    *(ops.GroupLasso(base, l1=0.02, l2=0.01, l21=0.1) for base in BASES),
    *(ops.GroupLasso(base, l1=0.01, l2=0.01, l21=0.1, form="dual_averaging") for base in BASES[1:]),
    *(ops.GroupLasso(base, l1=0.05, l2=0.01, l21=0.4, form="published") for base in BASES[1:]),
]


def gradients(steps: int) -> list[oracles.Floats]:
    """Half of the rows and columns get little of them."""
    random = np.random.default_rng(11)
    size = np.outer([2, 0.01, 2, 0.01, 1, 1], [1, 0.01, 1, 0.01])
    return [(random.standard_normal(SHAPE) * size).astype(np.float32) for _ in range(steps)]


def take(way: DenseGroupLasso, weight: oracles.Floats, grads: list[oracles.Floats], *, jit: bool = False) -> tf.Tensor:
    slots = {name: tf.constant(value) for name, value in way.initial(weight.shape).items()}
    step = tf.function(way.update, jit_compile=jit)
    x = tf.constant(weight)
    for grad in grads:
        x, slots = step(x, tf.constant(grad), slots)
    return x


def split(values: oracles.Floats, groups: str) -> list[oracles.Floats]:
    return list({"rows": values, "columns": values.T, "matrix": values.reshape(1, -1)}[groups])


@pytest.mark.parametrize("groups", ["rows", "columns", "matrix"])
@pytest.mark.parametrize("optimizer", WAYS, ids=repr)
def test_each_group_follows_the_formula_and_its_table(optimizer, groups):
    weight = np.random.default_rng(2).uniform(-0.5, 0.5, SHAPE).astype(np.float32)
    grads = gradients(12)
    reached = split(take(DenseGroupLasso(optimizer, groups), weight, grads).numpy(), groups)
    rows = [oracles.born(optimizer, x) for x in split(weight, groups)]
    for grad in grads:
        for row, g in zip(rows, split(grad, groups), strict=True):
            oracles.step(optimizer, row, g.astype(np.float64))
    np.testing.assert_allclose(reached, [row.x for row in rows], rtol=2e-5, atol=3e-5)

    table = ops.HashVariable("kernel", dim=rows[0].x.size, initializer=ops.Zeros(), optimizer=optimizer)
    n = len(rows)
    starts = np.repeat(np.array(optimizer.slot_starts, np.float32), rows[0].x.size)
    columns = (np.arange(n), np.stack(split(weight, groups)), np.tile(starts, (n, 1)))
    table.restore(ops.Snapshot(*columns, steps=np.zeros(n, np.int64), seen=np.zeros(n, np.int64)))
    for grad in grads:
        table.apply(table.lookup(np.arange(n))[1], np.stack(split(grad, groups)))
    sparse = table.peek(np.arange(n)).numpy()
    np.testing.assert_allclose(reached, sparse, rtol=1e-5, atol=1e-5)
    assert ((np.stack(reached) == 0) == (sparse == 0)).all()


@pytest.mark.parametrize("optimizer", [WAYS[2], WAYS[4], WAYS[6]], ids=repr)
def test_xla_compiles_the_step(optimizer):
    weight = np.full(SHAPE, 0.25, np.float32)
    plain, compiled = (take(DenseGroupLasso(optimizer), weight, gradients(4), jit=jit) for jit in (False, True))
    np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("groups", "shape", "size"),
    [
        ("rows", [3, 2, 5, 7], 42),
        ("columns", [3, 2, 5, 7], 30),
        ("matrix", [5, 7], 35),
        ("rows", [7], 1),
        ("matrix", [7], 7),
    ],
)
def test_groups_of_any_rank(groups, shape, size):
    way = DenseGroupLasso(ops.GroupLasso(ops.SGD(1.0), l21=0.5), groups)
    weight, _ = way.update(tf.ones(shape), tf.zeros(shape), {})
    # A group of d ones has norm √d and threshold .5 √d.
    np.testing.assert_allclose(weight, np.full(shape, 0.5), rtol=1e-6)
    alone = np.zeros(shape, np.float32)
    alone.flat[0] = 0.75
    weight, _ = way.update(tf.constant(alone), tf.zeros(shape), {})
    np.testing.assert_allclose(weight.numpy().flat[0], max(0.0, 0.75 - 0.5 * np.sqrt(size)), rtol=1e-6)


@pytest.mark.parametrize("optimizer", WAYS, ids=repr)
def test_at_rate_zero_the_weight_stays(optimizer):
    way = DenseGroupLasso(optimizer)
    weight = tf.constant(np.random.default_rng(2).uniform(-0.5, 0.5, SHAPE).astype(np.float32))
    slots = {name: tf.constant(value) for name, value in way.initial(SHAPE).items()}
    stays, slots = way.update(weight, tf.ones(SHAPE), slots, tf.constant(0.0))
    np.testing.assert_allclose(stays, weight, rtol=1e-6)
    assert all(np.isfinite(value.numpy()).all() for value in slots.values())


def test_steps_are_counted_beyond_what_a_float_can():
    way = DenseGroupLasso(ops.GroupLasso(ops.Adam(0.1), l21=0.1, form="dual_averaging"))
    slots = {name: tf.constant(value) for name, value in way.initial([2, 2]).items()}
    slots["steps"] = tf.constant([2.0**20 - 1, 300.0])
    _, slots = way.update(tf.ones([2, 2]), tf.ones([2, 2]), slots)
    assert slots["steps"].numpy().tolist() == [0.0, 301.0]


def test_unknown_groups_are_refused():
    with pytest.raises(ops.BadConfiguration, match=r"groups must be one of rows, columns, matrix, not 'units'"):
        DenseGroupLasso(WAYS[0], "units")  # type: ignore[arg-type]
