"""Bytes of requests and answers."""

import struct

import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2

from bench.serving import messages
from bench.serving.folded import questions
from bench.serving.model import TASKS


def field(number, value):
    return bytes([number << 3 | 2, len(value)]) + value


def test_a_predict_request_holds_what_is_asked():
    ids, numbers = questions(1, 3, 100)
    request = predict_pb2.PredictRequest.FromString(messages.predict(ids, numbers))
    assert request.model_spec.name == messages.SERVED
    assert np.frombuffer(request.inputs["ids"].tensor_content, np.int64).tolist() == ids.ravel().tolist()
    assert [size.size for size in request.inputs["numbers"].tensor_shape.dim] == list(numbers.shape)


def test_an_infer_request_is_what_triton_documents():
    ids, numbers = questions(1, 2, 100)
    made = messages.infer("m", ids, numbers)
    tensors = field(5, field(1, b"ids") + field(2, b"INT64") + field(3, b"\x02\x1a"))
    tensors += field(5, field(1, b"numbers") + field(2, b"FP32") + field(3, b"\x02\x0d"))
    outputs = b"".join(field(6, field(1, task.encode())) for task in TASKS)
    begin = field(1, b"m") + tensors + outputs
    assert made.startswith(begin)
    assert ids.tobytes() in made
    assert made.endswith(field(7, numbers.tobytes()))
    assert len(made) == len(begin) + 3 + ids.nbytes + 2 + numbers.nbytes


def test_an_infer_answer_is_read():
    ctr, cvr = np.array([0.1, 0.2], np.float32), np.array([0.3, 0.4], np.float32)
    answer = field(1, b"m") + field(5, b"ignored") + b"\x10\x07" + field(6, ctr.tobytes()) + field(6, cvr.tobytes())
    assert messages.inferred(answer).tolist() == np.stack([ctr, cvr], axis=1).tolist()
    with pytest.raises(ValueError, match="field 2 is of wire type 5"):
        messages.inferred(b"\x15\x00\x00\x00\x00")


def test_a_record_is_read(tmp_path):
    path = tmp_path / "record"
    path.write_bytes(struct.pack("<IIdd", 3, 2, 10.5, 0.25) + b"ab" + struct.pack("<IIdd", 4, 0, 11.0, -1.0))
    assert list(messages.read_record(path)) == [
        messages.Asked(3, 10.5, 0.25, b"ab"),
        messages.Asked(4, 11.0, None, b""),
    ]
