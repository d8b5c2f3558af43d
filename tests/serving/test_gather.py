import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from tandem_serving.gather import fingerprint, gather, pool

KEYS = np.array([-(2**63), -5, 0, 7, 2**63 - 1])
VALUES = np.arange(10, dtype=np.float32).reshape(5, 2) + 1


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([7], [[7, 8]]),
        ([-(2**63), 2**63 - 1], [[1, 2], [9, 10]]),
        ([-6, 1, 8], [[0, 0]] * 3),
        ([[0, 0], [7, -1]], [[[5, 6], [5, 6]], [[7, 8], [0, 0]]]),
        ([], np.zeros((0, 2))),
    ],
)
def test_gather(ids, expected):
    np.testing.assert_array_equal(gather(KEYS, VALUES, np.array(ids, np.int64)), np.array(expected, np.float32))


def test_gather_from_an_empty_table():
    rows = gather(np.zeros(0, np.int64), np.zeros((0, 3), np.float32), np.array([[1, 2]]))
    np.testing.assert_array_equal(rows, np.zeros((1, 2, 3), np.float32))


def test_gather_leaves_the_table_alone():
    values = VALUES.copy()
    gather(KEYS, values, np.array([7, 8]))[:] = 99
    np.testing.assert_array_equal(values, VALUES)


@settings(deadline=None)
@given(st.sets(st.integers(-(2**63), 2**63 - 1), max_size=30), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30))
def test_gather_is_a_dictionary_lookup(keys, others):
    keys = sorted(keys)
    rows = {key: [float(i + 1)] for i, key in enumerate(keys)}
    ids = [*others, *keys]
    values = np.array([rows[key] for key in keys], np.float32).reshape(len(keys), 1)
    found = gather(np.array(keys, np.int64), values, np.array(ids, np.int64))
    assert found.tolist() == [rows.get(i, [0.0]) for i in ids]


@pytest.mark.parametrize(
    ("text", "expected"),
    # The reference values of XXH64 with seed 0, as two's complement.
    [(b"", 0xEF46DB3751D8E999), (b"a", 0xD24EC4F1A98C6E5B), (b"abc", 0x44BC2CF5AD770999)],
)
def test_fingerprint(text, expected):
    assert fingerprint([text])[0] == np.uint64(expected).view(np.int64)


@pytest.mark.parametrize(
    ("pooling", "present", "expected"),
    [
        ("none", [[True, True]], [[1, 2, 3, 4]]),
        ("none", [[True, False]], [[1, 2, 3, 4]]),
        ("sum", [[True, True]], [[4, 6]]),
        ("sum", [[True, False]], [[1, 2]]),
        ("mean", [[True, True]], [[2, 3]]),
        ("mean", [[False, True]], [[3, 4]]),
        ("mean", [[False, False]], [[0, 0]]),
    ],
)
def test_pool(pooling, present, expected):
    vectors = np.array([[[1, 2], [3, 4]]], np.float32)
    np.testing.assert_array_equal(pool(vectors, np.array(present), pooling), np.array(expected, np.float32))


@settings(deadline=None)
@given(hn.arrays(np.float32, (3, 4, 2), elements=st.floats(-10, 10, width=32)), hn.arrays(np.bool_, (3, 4)))
def test_mean_is_sum_over_count(vectors, present):
    count = np.maximum(present.sum(1, keepdims=True), 1).astype(np.float32)
    np.testing.assert_array_equal(pool(vectors, present, "mean"), pool(vectors, present, "sum") / count)
