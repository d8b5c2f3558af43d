import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from e2e.demo import tf_example
from e2e.demo.truth import Truth

INT64 = st.integers(-(2**63), 2**63 - 1)
FLOAT32 = st.floats(width=32, allow_nan=False)


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0x00000000), (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)],
)
def test_crc32c_of_published_vectors(data, expected):
    assert tf_example.crc32c(data) == expected


@given(
    ints=st.lists(INT64), floats=st.lists(FLOAT32), texts=st.lists(st.binary(max_size=300)), name=st.text(min_size=1)
)
def test_protobuf_reads_what_is_written(ints, floats, texts, name):
    written = tf_example.example(
        {
            name: tf_example.int64_feature(*ints),
            name + "f": tf_example.float_feature(*floats),
            name + "b": tf_example.bytes_feature(*texts),
        }
    )
    read = tf.train.Example.FromString(written).features.feature
    assert list(read[name].int64_list.value) == ints
    assert list(read[name + "f"].float_list.value) == floats
    assert list(read[name + "b"].bytes_list.value) == texts


def test_tensorflow_reads_a_segment(tmp_path):
    batch = Truth(3).draw(0.0, 50)
    written = [
        tf_example.sample(batch.features, row, event_time_ms=1_700_000_000_000 + row, label=float(batch.click[row]))
        for row in range(50)
    ]
    path = tmp_path / "segment.tfrecord"
    path.write_bytes(tf_example.tfrecords(written))
    parsed = tf.io.parse_example(
        [record.numpy() for record in tf.data.TFRecordDataset(str(path))],
        {
            "event_time": tf.io.FixedLenFeature([], tf.int64),
            "label": tf.io.FixedLenFeature([], tf.float32),
            "user_id": tf.io.FixedLenFeature([], tf.int64),
            "item_id": tf.io.FixedLenFeature([], tf.int64),
            "query": tf.io.FixedLenFeature([], tf.string),
            "brand": tf.io.FixedLenFeature([], tf.int64),
            "user_segment": tf.io.FixedLenFeature([], tf.int64),
            "numeric": tf.io.FixedLenFeature([4], tf.float32),
        },
    )
    assert parsed["event_time"].numpy().tolist() == [1_700_000_000_000 + row for row in range(50)]
    assert np.array_equal(parsed["label"], batch.click)
    assert np.array_equal(parsed["user_id"], batch.features.user_id)
    assert np.array_equal(parsed["item_id"], batch.features.item_id)
    assert tuple(parsed["query"].numpy()) == batch.features.query
    assert np.array_equal(parsed["brand"], batch.features.brand)
    assert np.array_equal(parsed["user_segment"], batch.features.user_segment)
    assert np.array_equal(parsed["numeric"], batch.features.numeric)
