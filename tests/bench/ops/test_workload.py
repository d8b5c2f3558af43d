"""What the sides are asked."""

import numpy as np
import pytest

from bench.ops import workload
from bench.ops.workload import KNOWN_PLACES, Table, Work


def test_keys_are_a_permutation_of_int64_that_never_changes():
    keys = workload.keys(np.arange(200_000))
    assert len(np.unique(keys)) == 200_000
    assert keys[:3].tolist() == [0, -2152535657050944081, 7960286522194355700]
    assert abs(float((keys < 0).mean()) - 0.5) < 0.01


@pytest.mark.parametrize("skew", ["uniform", "skewed", "80/20"])
@pytest.mark.parametrize("rows", [1, 2, 7, 1000])
def test_places_are_rows(skew, rows):
    drawn = workload.places(skew, 5_000, rows, np.random.default_rng(0))
    assert drawn.dtype == np.int64
    assert drawn.min() >= 0
    assert drawn.max() < max(rows, 2)


def test_shares_of_the_skews():
    random = np.random.default_rng(0)
    rows = 10_000
    fifth = {s: float((workload.places(s, 100_000, rows, random) < rows // 5).mean()) for s in ("uniform", "80/20")}
    assert fifth["uniform"] == pytest.approx(0.2, abs=0.01)
    assert fifth["80/20"] == pytest.approx(0.8, abs=0.01)
    # Density 1/p: as many draws in 1..100 as in 100..10,000.
    skewed = workload.places("skewed", 100_000, rows, random)
    assert float((skewed < 99).mean()) == pytest.approx(0.5, abs=0.01)


def test_batches_are_the_same_for_everybody_and_reach_all_rows_where_asked():
    table, work = Table(rows=500, dim=4), Work("train", "skewed", 800, 3, all_rows=True)
    one, two = (workload.batches(table, work, 5) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert all(len(batch) == 800 and len(np.unique(batch)) == 500 for batch in one)
    assert not np.array_equal(one[0], one[1])


def test_unknown_places_are_no_rows_and_never_come_again():
    batch = np.arange(1_000)
    mixed = [workload.with_unknown(batch, 0.1, number) for number in (1, 2)]
    fresh = [set(m[m >= KNOWN_PLACES].tolist()) for m in mixed]
    assert [len(f) for f in fresh] == [100, 100]
    assert not fresh[0] & fresh[1]
    assert all(np.array_equal(m[m < KNOWN_PLACES], batch[m < KNOWN_PLACES]) for m in mixed)


def test_values_depend_on_the_place_alone():
    values = workload.values(np.arange(2_000), 8)
    assert values.dtype == np.float32
    assert np.array_equal(values[7:9], workload.values(np.array([7, 8]), 8))
    assert values.min() >= -0.5
    assert values.max() < 0.5
    assert abs(float(values.mean())) < 0.01
    assert float(values.std()) == pytest.approx(12**-0.5, abs=0.01)
