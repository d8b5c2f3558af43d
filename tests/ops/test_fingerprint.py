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


P1, P2, P4 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x85EBCA77C2B2AE63
P5, MASK = 0x27D4EB2F165667C5, 2**64 - 1


def turn(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & MASK


def round_of(lane: int) -> int:
    return turn(lane * P2 & MASK, 31) * P1 & MASK


def colliding(text: bytes, first: int) -> bytes:
    """Another text of 16 bytes with the same XXH64 (seed 0), beginning with another 8 bytes."""

    def after(lane: int) -> int:
        return (turn((P5 + 16 & MASK) ^ round_of(lane), 27) * P1 + P4) & MASK

    own = [int.from_bytes(text[i : i + 8], "little") for i in (0, 8)]
    wanted = after(own[0]) ^ after(first) ^ round_of(own[1])
    lane = turn(wanted * pow(P1, -1, 2**64) & MASK, 33) * pow(P2, -1, 2**64) & MASK
    return first.to_bytes(8, "little") + lane.to_bytes(8, "little")


def test_collisions_are_counted():
    counter = ops.CollisionCounter()
    twin, triplet = (colliding(b"sixteen letters!", n) for n in (1, 2))
    assert ops.fingerprint(twin).numpy() == ops.fingerprint(b"sixteen letters!").numpy()
    counter.add([b"sixteen letters!", "other"])
    assert (counter.ids, counter.collisions) == (2, 0)
    for _ in range(2):
        counter.add([[twin], [triplet]])
    assert (counter.ids, counter.collisions) == (4, 2)
    assert counter.keys.tolist() == [ops.fingerprint(twin).numpy()]


@given(st.lists(st.lists(st.text(max_size=3), max_size=20), max_size=10))
def test_the_counter_counts_distinct_ids(batches):
    counter = ops.CollisionCounter()
    for batch in batches:
        counter.add(tf.constant(batch, tf.string))
    assert counter.ids == len({text for batch in batches for text in batch})
    assert counter.collisions == 0


@pytest.mark.parametrize("value", [[1], [["a"], ["b", "c"]], [1.5]], ids=["int", "ragged", "float"])
def test_the_counter_refuses_what_is_no_string_tensor(value):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"CollisionCounter\.add: strings"):
        ops.CollisionCounter().add(value)
