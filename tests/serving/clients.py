"""Requests as a stock client makes them, and what their answers must be."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Self

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tandem_wire.lineage import rebuild
from tandem_wire.store import Store
from tandem_wire.version import Version
from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

from tests.serving.lineage_writer import answers

USERS = np.array([1, -2, 10**12])
WORDS = [[b"red", b"hat", b""], [b"", b"", b""], [b"shoe", "größe".encode(), b"green"]]
NUMERIC = np.array([[0.1, 0.2], [-1.0, 2.0], [0.0, 0.0]], np.float32)


def request(**changes: object) -> predict_pb2.PredictRequest:
    """Ask for the three rows above; changes replace inputs, None leaves one out."""
    made = predict_pb2.PredictRequest()
    made.model_spec.name = "search"
    inputs = {"user": USERS, "words": WORDS, "numeric": NUMERIC} | changes
    for name, value in inputs.items():
        if value is not None:
            made.inputs[name].CopyFrom(value if hasattr(value, "tensor_shape") else tf.make_tensor_proto(value))
    return made


def selecting(**fields: object) -> predict_pb2.PredictRequest:
    """Ask for the three rows; fields are those of the model's spec, ``output_filter`` and ``version`` by value."""
    asked = request()
    for name, value in fields.items():
        if name == "version":
            asked.model_spec.version.value = value
        elif name == "output_filter":
            asked.output_filter.append(value)
        else:
            setattr(asked.model_spec, name, value)
    return asked


async def fails(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    """Return the code and the words of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


@dataclass
class Recomputed:
    """Answers recomputed from the store, by the version that an answer names."""

    store: Store

    def __post_init__(self) -> None:
        self._known: dict[int, dict[str, np.ndarray]] = {}

    def of(self, number: int) -> dict[str, np.ndarray]:
        if number not in self._known:
            version = Version.of_number(number)
            self._known[number] = answers(rebuild(self.store, version.base, version.update), USERS, WORDS, NUMERIC)
        return self._known[number]

    def check(self, response: predict_pb2.PredictResponse) -> Version:
        """The answer is exactly that of the version that it names."""
        number = response.model_spec.version.value
        for name, expected in self.of(number).items():
            np.testing.assert_allclose(tf.make_ndarray(response.outputs[name]), expected, rtol=1e-4, atol=1e-6)
        return Version.of_number(number)


class Client:
    """The stock stubs on one asynchronous channel."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.aio.insecure_channel(f"localhost:{port}")
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self.channel = self._channel

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()
