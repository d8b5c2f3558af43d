"""Inputs of Predict as clients may send them: other forms of the same, and wrong ones with what is said of them."""

import numpy as np
from tensorflow.core.framework import tensor_pb2, types_pb2

from tests.serving.clients import NUMERIC, USERS


def raw(dtype, shape, **fields):
    tensor = tensor_pb2.TensorProto(dtype=dtype, **fields)
    for size in shape:
        tensor.tensor_shape.dim.add().size = size
    return tensor


GOOD = [
    ("values instead of content", {"user": raw(types_pb2.DT_INT64, [3, 1], int64_val=[1, -2, 10**12])}, "user"),
    ("two dimensions", {"user": USERS[:, None]}, "user"),
    ("float values", {"numeric": raw(types_pb2.DT_FLOAT, [3, 2], float_val=NUMERIC.ravel().tolist())}, "numeric"),
]

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
    ("rows", {"numeric": NUMERIC[:2]}, "input 'words' has 3 rows, but 'numeric' has 2; all inputs must have as many"),
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
        {
            "user": raw(types_pb2.DT_INT64, [8193], int64_val=[1]),
            "words": raw(types_pb2.DT_STRING, [8193, 3], string_val=[b"red"]),
            "numeric": raw(types_pb2.DT_FLOAT, [8193, 2], float_val=[1.0]),
        },
        "the request has 8193 rows, at most 8192 are taken at once; split it",
    ),
]
