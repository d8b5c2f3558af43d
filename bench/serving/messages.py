"""Requests as bytes, for TensorFlow Serving's Predict and for the ModelInfer that Triton takes, and their answers."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from bench.serving.model import TASKS

Floats = npt.NDArray[np.float32]
Keys = npt.NDArray[np.int64]

PREDICT = "/tensorflow.serving.PredictionService/Predict"
MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer"
SERVED = "served"
FACTOR = 1_000_000_000
"""Between base and update in an answer's version."""
_BYTES, _NUMBER = 2, 0  # of protobuf's wire format
_RECORD = struct.Struct("<IIdd")


def predict(ids: Keys, numbers: Floats) -> bytes:
    """Write a PredictRequest of the model's two inputs."""
    return predict_of({"ids": ids, "numbers": numbers})


def predict_of(inputs: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Write a PredictRequest."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = SERVED
    for name, values in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    data: bytes = request.SerializeToString(deterministic=True)
    return data


def predicted(answer: bytes) -> tuple[int, Floats]:
    """Read a PredictResponse: its version, and float32 of shape (rows, tasks)."""
    response = predict_pb2.PredictResponse.FromString(answer)
    columns = [tf.make_ndarray(response.outputs[task]).reshape(-1) for task in TASKS]
    return int(response.model_spec.version.value), np.stack(columns, axis=1)


def version_of(answer: bytes) -> int:
    """The version of a PredictResponse, base and update in one number."""
    return int(predict_pb2.PredictResponse.FromString(answer).model_spec.version.value)


def infer(model: str, ids: Keys, numbers: Floats) -> bytes:
    """Write a ModelInferRequest (KServe's protocol, version 2), its tensors as raw contents."""
    inputs = [("ids", "INT64", ids.shape), ("numbers", "FP32", numbers.shape)]
    parts = [_field(1, model.encode())]
    for name, kind, shape in inputs:
        sizes = b"".join(_varint(size) for size in shape)
        parts.append(_field(5, _field(1, name.encode()) + _field(2, kind.encode()) + _field(3, sizes)))
    parts += [_field(6, _field(1, task.encode())) for task in TASKS]
    parts += [_field(7, ids.tobytes()), _field(7, numbers.tobytes())]
    return b"".join(parts)


def inferred(answer: bytes) -> Floats:
    """Read a ModelInferResponse: float32 of shape (rows, tasks)."""
    raw = [value for number, value in _fields(answer) if number == 6]  # noqa: PLR2004 - raw_output_contents
    return np.stack([np.frombuffer(values, np.float32) for values in raw], axis=1)


def write_bodies(path: Path, bodies: Sequence[bytes]) -> Path:
    """Write messages as ``native/load.cc`` reads them."""
    path.write_bytes(b"".join(struct.pack("<I", len(body)) + body for body in bodies))
    return path


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as ``native/load.cc`` recorded it: when it was due (time.monotonic()), what it took; None: it failed."""

    body: int
    due: float
    latency: float | None
    message: bytes


def read_record(path: Path) -> Iterator[Asked]:
    """Read the calls of a run, in the order in which they ended."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        body, size, due, latency = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        yield Asked(body, due, None if latency < 0 else latency, data[at : at + size])
        at += size


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        size, at = _read_varint(data, at)
        if tag & 7 == _NUMBER:
            continue
        if tag & 7 != _BYTES:
            raise ValueError(f"field {tag >> 3} is of wire type {tag & 7}, which no answer has")
        yield tag >> 3, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the last of a varint
            return value, at
