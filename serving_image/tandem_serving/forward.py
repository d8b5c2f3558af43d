"""REST's way to the engine: the same gRPC as clients speak, over a socket of this pod's own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import grpc
import numpy as np
from tandem_wire.model import ModelSpec
from tandem_wire.version import Version
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tandem_serving.errors import Broken, Forwarded
from tandem_serving.inputs import Floats, Input
from tandem_serving.rest_examples import Examples

_SECONDS: Final = 60.0
_TYPES: Final = {np.dtype(np.int64): types_pb2.DT_INT64, np.dtype(np.float32): types_pb2.DT_FLOAT}
_STATUS: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    grpc.StatusCode.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which model a request is for.

    Args:
      name: what the client calls it.
      number: the version that it asks for; None: the newest.
      label: a version's label, ``stable`` or ``candidate``.
    """

    name: str
    number: int | None = None
    label: str = ""


class Forward:
    """Asks the engine; may be used by many threads.

    Args:
      address: where it listens for this program.
      message_bytes: the largest message.
    """

    def __init__(self, address: str, message_bytes: int) -> None:
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", message_bytes)]
        self._channel = grpc.insecure_channel(address, options=options)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def close(self) -> None:
        """Let go of the channel."""
        self._channel.close()

    def predict(self, asked: Asked, spec: ModelSpec, inputs: Mapping[str, Input]) -> tuple[dict[str, Floats], Version]:
        """Answer checked inputs.

        Returns:
          The outputs in the order of ``spec``, and the version that they are of.

        Raises:
          Forwarded: what the engine refused.
        """
        request = predict_pb2.PredictRequest(model_spec=_spec(asked))
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(_tensor(array))
        with _told():
            response = self._predictions.Predict(request, timeout=_SECONDS)
        outputs = {each.name: response.outputs[each.name] for each in spec.outputs if each.name in response.outputs}
        arrays = {name: np.frombuffer(tensor.tensor_content, "<f4") for name, tensor in outputs.items()}
        return arrays, Version.of_number(response.model_spec.version.value)

    def classify(self, asked: Asked, examples: Examples) -> tuple["classification_pb2.ClassificationResult", Version]:
        """Answer examples by classes.

        Raises:
          Forwarded: what the engine refused.
        """
        request = classification_pb2.ClassificationRequest(model_spec=_spec(asked, examples), input=examples.given)
        with _told():
            response = self._predictions.Classify(request, timeout=_SECONDS)
        return response.result, Version.of_number(response.model_spec.version.value)

    def regress(self, asked: Asked, examples: Examples) -> tuple["regression_pb2.RegressionResult", Version]:
        """Answer examples by numbers.

        Raises:
          Forwarded: what the engine refused.
        """
        request = regression_pb2.RegressionRequest(model_spec=_spec(asked, examples), input=examples.given)
        with _told():
            response = self._predictions.Regress(request, timeout=_SECONDS)
        return response.result, Version.of_number(response.model_spec.version.value)

    def metadata(self, asked: Asked) -> tuple["get_model_metadata_pb2.SignatureDefMap", Version]:
        """Describe inputs and outputs of a version.

        Raises:
          Forwarded: what the engine refused.
        """
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=_spec(asked), metadata_field=["signature_def"]
        )
        with _told():
            response = self._predictions.GetModelMetadata(request, timeout=_SECONDS)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        return signatures, Version.of_number(response.model_spec.version.value)

    def status(self, asked: Asked) -> "get_model_status_pb2.GetModelStatusResponse":
        """Say which versions can be asked for, and which is being loaded.

        Raises:
          Forwarded: what the engine refused.
        """
        with _told():
            return self._models.GetModelStatus(
                get_model_status_pb2.GetModelStatusRequest(model_spec=_spec(asked)), timeout=_SECONDS
            )


@contextmanager
def _told() -> Iterator[None]:
    """Turn the engine's refusals into errors with a status for HTTP."""
    try:
        yield
    except grpc.RpcError as error:
        if not isinstance(error, grpc.Call):
            raise Broken("the engine gave no answer") from error
        raise Forwarded(error.code(), _STATUS.get(error.code(), Broken.http), error.details() or "") from error


def _spec(asked: Asked, examples: Examples | None = None) -> "model_pb2.ModelSpec":
    spec = model_pb2.ModelSpec(name=asked.name, signature_name="" if examples is None else examples.signature)
    if asked.label:
        spec.version_label = asked.label
    elif asked.number is not None:
        spec.version.value = asked.number
    return spec


def _tensor(array: Input) -> "tensor_pb2.TensorProto":
    strings = array.dtype == object
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING if strings else _TYPES[array.dtype])
    for size in array.shape:
        tensor.tensor_shape.dim.add().size = size
    if strings:
        tensor.string_val.extend(array.ravel().tolist())
    else:
        tensor.tensor_content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return tensor
