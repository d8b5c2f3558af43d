import numpy as np
import numpy.typing as npt
import pytest
import tandem_ops as ops

from tests.ops.tables import make_table

MANY = np.arange(20_000, dtype=np.int64) * 7919 - 10**9


def born(
    initializer: ops.Initializer, *, seed: int = 1, ids: npt.NDArray[np.int64] = MANY, dim: int = 4
) -> npt.NDArray[np.float32]:
    rows, _ = make_table(initializer=initializer, seed=seed, dim=dim).lookup(ids)
    values: npt.NDArray[np.float32] = rows.numpy()
    return values


def test_zeros():
    assert not born(ops.Zeros()).any()


def test_uniform_fills_its_range_evenly():
    values = born(ops.Uniform(0.5))
    assert np.abs(values).max() < 0.5
    counts, _ = np.histogram(values, bins=20, range=(-0.5, 0.5))
    assert np.abs(counts / values.size - 1 / 20).max() < 0.004


def test_truncated_normal_is_one():
    values = born(ops.TruncatedNormal(0.1))
    assert np.abs(values).max() <= 0.2
    assert abs(values.mean()) < 0.002
    assert values.std() == pytest.approx(0.1 * 0.8796256610342398, rel=0.01)


def test_values_and_neighbours_are_not_correlated():
    values = born(ops.Uniform(1.0), ids=np.arange(20_000, dtype=np.int64))
    correlations = np.corrcoef(np.hstack([values[:-1], values[1:]]).T) - np.eye(8)
    assert np.abs(correlations).max() < 0.03


@pytest.mark.parametrize("initializer", [ops.Uniform(0.05), ops.TruncatedNormal(0.05)], ids=repr)
def test_a_row_depends_on_seed_and_key_alone(initializer):
    values = born(initializer)
    assert np.array_equal(born(initializer, ids=MANY[::-1])[::-1], values)
    assert not np.array_equal(born(initializer, seed=2), values)
    assert np.array_equal(born(initializer, dim=2), values[:, :2])


# The bits of the first rows, for ever: made by an implementation in Python of what src/core/random.h says.
@pytest.mark.parametrize(
    ("initializer", "first", "last"),
    [
        (ops.Uniform(0.05), "0x1.e837360000000p-6", "-0x1.ed35a40000000p-6"),
        (ops.TruncatedNormal(0.05), "-0x1.0791fe0000000p-5", "0x1.698ec00000000p-5"),
    ],
    ids=repr,
)
def test_golden_bits(initializer, first, last):
    row = born(initializer, ids=np.array([7], np.int64), dim=16)[0]
    assert (float(row[0]).hex(), float(row[15]).hex()) == (first, last)


@pytest.mark.parametrize("make", [ops.Uniform, ops.TruncatedNormal])
@pytest.mark.parametrize("parameter", [0.0, -1.0, float("inf"), float("nan")])
def test_impossible_parameters_are_refused(make, parameter):
    with pytest.raises(ops.BadConfiguration, match="must be positive and finite"):
        make(parameter)
