import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf
import xxhash
from hypothesis import given
from hypothesis import strategies as st

# For ever: stored tables are keyed by these.
GOLDEN = {
    b"": -1205034819632174695,
    b"item-1": -8619956990177755793,
    "日本語".encode(): 8176744303664166369,
    b"\x00": -1642502924627794072,
}


@pytest.mark.parametrize(("text", "key"), GOLDEN.items(), ids=repr)
def test_golden_values(text, key):
    assert ops.fingerprint(text).numpy() == key


@given(st.binary(max_size=200))
def test_equals_xxhash(text):
    expected = np.uint64(xxhash.xxh64_intdigest(text, seed=0)).astype(np.int64)
    assert ops.fingerprint(text).numpy() == expected


@pytest.mark.parametrize(
    "strings",
    [[["a", "b"], ["c", "d"]], np.array([b"a", b"b"]), tf.zeros([0, 3], tf.string), "scalar"],
    ids=["nested", "numpy", "empty", "scalar"],
)
def test_keeps_the_shape(strings):
    keys = ops.fingerprint(strings)
    assert keys.dtype == tf.int64
    assert keys.shape == tf.convert_to_tensor(strings).shape


def test_works_in_a_graph():
    graph = tf.function(ops.fingerprint)
    assert np.array_equal(graph(tf.constant(["a", "b"])).numpy(), ops.fingerprint(["a", "b"]).numpy())


def test_refuses_other_dtypes():
    with pytest.raises(tf.errors.InvalidArgumentError, match="strings must be of dtype string, not int32"):
        ops.fingerprint([1, 2])
