"""Buckets: which size a batch takes, how it is filled up and cut back, and lists that are refused by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_serving.graph.buckets import Buckets, pad, take
from tandem_wire.errors import InvalidValue

SIZES = st.sets(st.integers(1, 8192), min_size=1, max_size=32)


@pytest.mark.parametrize(
    ("sizes", "field", "says"),
    [
        pytest.param((), "batchSizes", "has 0 sizes; give 1 to 32", id="none"),
        pytest.param(tuple(range(1, 34)), "batchSizes", "has 33 sizes; give 1 to 32", id="too many"),
        pytest.param((0, 8), "batchSizes[0]", "0 must be from 1 to 8192", id="nothing fits"),
        pytest.param((-1,), "batchSizes[0]", "-1 must be from 1 to 8192", id="negative"),
        pytest.param((1, 8193), "batchSizes[1]", "8193 must be from 1 to 8192", id="larger than a batch may be"),
        pytest.param((8, 1), "batchSizes[1]", "1 must be above 8, which is before it", id="not ascending"),
        pytest.param((8, 8), "batchSizes[1]", "8 must be above 8, which is before it", id="twice"),
    ],
)
def test_bad_lists_are_refused_by_name(sizes, field, says):
    with pytest.raises(InvalidValue, match=f"(?s).*{says}") as refused:
        Buckets(sizes)
    assert refused.value.field == field


def test_what_a_person_writes_is_sorted_and_warmed_from_the_largest():
    buckets = Buckets.of([64, 1, 8, 8])
    assert (buckets.sizes, buckets.warm_up_order) == ((1, 8, 64), (64, 8, 1))


@pytest.mark.parametrize(("rows", "bucket"), [(1, 1), (2, 8), (8, 8), (9, 64), (64, 64)])
def test_a_batch_takes_the_smallest_bucket_that_holds_it(rows, bucket):
    assert Buckets((1, 8, 64)).bucket(rows) == bucket


@pytest.mark.parametrize("rows", [0, 65])
def test_no_bucket_holds_it(rows):
    with pytest.raises(InvalidValue, match=f"{rows} must be from 1 to 64, the largest bucket"):
        Buckets((1, 8, 64)).bucket(rows)


@given(SIZES, st.integers(1, 8192))
def test_a_bucket_is_the_least_that_is_enough(sizes, rows):
    buckets = Buckets.of(sizes)
    if rows <= buckets.largest:
        found = buckets.bucket(rows)
        assert found in sizes
        assert found >= rows
        assert not any(rows <= size < found for size in sizes)


@given(SIZES, st.integers(0, 100_000))
def test_cut_batches_are_the_whole_and_each_fits(sizes, rows):
    buckets = Buckets.of(sizes)
    cut = buckets.cut(rows)
    assert sum(cut) == rows
    assert all(buckets.bucket(each) for each in cut)
    assert len(cut) == -(-rows // buckets.largest)


@given(st.integers(1, 40), st.integers(0, 40))
def test_padding_adds_zeros_and_slicing_takes_them_off(rows, more):
    batch = np.random.default_rng(rows).normal(size=(rows, 3)).astype(np.float32)
    padded = pad(batch, rows + more)
    assert padded.shape == (rows + more, 3)
    assert not padded[rows:].any()
    (back,) = take([padded], rows)
    np.testing.assert_array_equal(back, batch)
