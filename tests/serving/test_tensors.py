import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_serving.errors import BadRequest
from tandem_serving.tensors import decode
from tensorflow.core.framework import tensor_pb2, types_pb2

from tests.serving.clients import NUMERIC, USERS, WORDS, request
from tests.serving.lineage_writer import SPEC


def raw(dtype, shape, **fields):
    tensor = tensor_pb2.TensorProto(dtype=dtype, **fields)
    for size in shape:
        tensor.tensor_shape.dim.add().size = size
    return tensor


def decoded(**changes):
    return decode(SPEC, request(**changes).inputs, 100)


def test_decoded_as_sent():
    inputs = decoded()
    np.testing.assert_array_equal(inputs["user"], USERS[:, None])
    np.testing.assert_array_equal(inputs["words"], np.array(WORDS, object))
    np.testing.assert_array_equal(inputs["numeric"], NUMERIC)


GOOD = [
    ("values instead of content", {"user": raw(types_pb2.DT_INT64, [3, 1], int64_val=[1, -2, 10**12])}, "user"),
    ("two dimensions", {"user": USERS[:, None]}, "user"),
    ("float values", {"numeric": raw(types_pb2.DT_FLOAT, [3, 2], float_val=NUMERIC.ravel().tolist())}, "numeric"),
]


@pytest.mark.parametrize(("changes", "name"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
def test_other_forms_of_the_same(changes, name):
    np.testing.assert_array_equal(decoded(**changes)[name], decoded()[name])


def test_one_value_stands_for_all():
    inputs = decoded(numeric=raw(types_pb2.DT_FLOAT, [3, 2], float_val=[0.5]))
    np.testing.assert_array_equal(inputs["numeric"], np.full((3, 2), 0.5, np.float32))


def test_no_rows_are_no_error():
    inputs = decoded(user=np.zeros(0, np.int64), words=np.zeros((0, 3), object), numeric=np.zeros((0, 2), np.float32))
    assert [len(array) for array in inputs.values()] == [0, 0, 0]


BAD = [
    ("missing", {"user": None}, "input 'user' is missing; the model takes 'user', 'words', 'numeric'"),
    ("unknown", {"color": [1]}, "input 'color' is unknown; the model takes"),
    ("type", {"user": USERS.astype(np.int32)}, "input 'user' is DT_INT32; it must be DT_INT64"),
    ("type of floats", {"numeric": NUMERIC.astype(np.float64)}, "input 'numeric' is DT_DOUBLE; it must be DT_FLOAT"),
    ("text as number", {"words": np.zeros((3, 3), np.int64)}, "input 'words' is DT_INT64; it must be DT_STRING"),
    ("unknown type", {"user": raw(999, [3])}, "input 'user' is 999; it must be DT_INT64"),
    ("width", {"numeric": np.zeros((3, 5), np.float32)}, r"'numeric' has shape \(3, 5\); it must be \(batch, 2\)"),
    ("rank", {"user": np.zeros((3, 1, 1), np.int64)}, r"'user' has shape \(3, 1, 1\); it must be \(batch, 1\) or \(b"),
    ("scalar", {"user": np.int64(3)}, r"'user' has shape \(\); it must be"),
    ("rows", {"numeric": NUMERIC[:2]}, "input 'user' has 3 rows, but 'numeric' has 2; all inputs must have as many"),
    (
        "NaN",
        {"numeric": np.array([[0, 0], [0, np.nan], [0, 0]], np.float32)},
        "has nan in row 1, column 1; send finite",
    ),
    ("infinity", {"numeric": np.full((3, 2), -np.inf, np.float32)}, "has -inf in row 0, column 0"),
    ("too few", {"user": raw(types_pb2.DT_INT64, [3], int64_val=[1, 2])}, "'user' has 2 values for shape"),
    ("none", {"user": raw(types_pb2.DT_INT64, [3])}, "'user' has 0 values for shape"),
    ("torn", {"user": raw(types_pb2.DT_INT64, [3], tensor_content=b"12345")}, "5 bytes, no multiple of 8"),
    ("short content", {"user": raw(types_pb2.DT_INT64, [3], tensor_content=bytes(16))}, "has 2 values for shape"),
    ("huge", {"user": raw(types_pb2.DT_INT64, [2**40], int64_val=[1])}, "has 1 values for shape"),
    ("overflow", {"user": raw(types_pb2.DT_INT64, [2**62, 2**62], int64_val=[1])}, "has 1 values for shape"),
    ("negative", {"user": raw(types_pb2.DT_INT64, [-1], int64_val=[1])}, "sizes must not be negative"),
    (
        "no shape",
        {"user": tensor_pb2.TensorProto(dtype=types_pb2.DT_INT64, tensor_shape={"unknown_rank": True})},
        "'user' has no shape; send one",
    ),
    (
        "too many",
        {"user": np.zeros(101, np.int64), "words": np.zeros((101, 3), "S1"), "numeric": np.zeros((101, 2), np.float32)},
        "the request has 101 rows, at most 100 are taken at once; split it",
    ),
]


@pytest.mark.parametrize(("changes", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_wrong_input_is_refused_with_its_name_and_the_remedy(changes, message):
    with pytest.raises(BadRequest, match=message):
        decoded(**changes)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_of_a_tensor_do_more_than_be_refused(data):
    tensor = tensor_pb2.TensorProto()
    try:
        tensor.ParseFromString(data)
    except Exception:  # noqa: BLE001 - protobuf's own refusal
        return
    tensor.dtype = types_pb2.DT_INT64
    try:
        inputs = decoded(user=tensor)
    except BadRequest:
        return
    assert inputs["user"].shape == (3, 1)


def test_stock_encoding_of_every_type_is_read():
    assert decoded(words=tf.make_tensor_proto(np.array(WORDS)))["words"][2, 1] == "größe".encode()
