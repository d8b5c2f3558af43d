"""TensorFlow Serving's gRPC interface: PredictionService and ModelService, and gRPC's own health service.

Synchronous: each request runs in one thread of a small pool, in which NumPy and TensorFlow let go of the interpreter's
lock.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
import numpy as np
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tandem_serving.describe import signatures, statuses
from tandem_serving.edge import PREDICT, check_deadline, judged, note
from tandem_serving.errors import BadRequest, Unsupported
from tandem_serving.limits import Limits
from tandem_serving.predict import SIGNATURE, Service, check_signature, chosen
from tandem_serving.snapshot import Snapshot
from tandem_serving.tensors import decode

VERSION_TRAILER = "tandem-version"
_SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_Method = Callable[[_Request, grpc.ServicerContext], _Response]


class GrpcFront:
    """The gRPC server of one model.

    Args:
      service: the model.
      loading: says which base is being loaded, for GetModelStatus.
      port: 0 takes a free one.
    """

    def __init__(self, service: Service, loading: Callable[[], int | None], port: int) -> None:
        limits = service.limits
        self._server = grpc.server(
            ThreadPoolExecutor(limits.threads, thread_name_prefix="answer"),
            options=_options(limits),
            maximum_concurrent_rpcs=limits.in_flight,
        )
        self._health = health.HealthServicer()
        methods = Methods(service, loading)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(methods, self._server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(methods, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.set_ready(ready=False)
        self.port: int = self._server.add_insecure_port(f"[::]:{port}")

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def set_ready(self, *, ready: bool) -> None:
        """Say in the health service whether requests can be answered."""
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in _SERVICES:
            self._health.set(name, status)

    def stop(self, grace_seconds: float) -> None:
        """Take no more requests, and wait for those that run, at most so long."""
        self._server.stop(grace_seconds).wait()


class Methods:
    """The methods of both services; each takes a request and a context, as the stock stubs have them."""

    def __init__(self, service: Service, loading: Callable[[], int | None]) -> None:
        self._service = service
        self._loading = loading
        self.Predict = self._guarded(PREDICT, self._predict)
        self.GetModelMetadata = self._guarded("GetModelMetadata", self._metadata)
        self.GetModelStatus = self._guarded("GetModelStatus", self._status)
        self.HandleReloadConfigRequest = self._guarded("HandleReloadConfigRequest", self._reload)
        for name in ("Classify", "Regress", "MultiInference"):
            setattr(self, name, self._guarded(name, _refuse(name)))

    def _predict(
        self, request: "predict_pb2.PredictRequest", context: grpc.ServicerContext
    ) -> "predict_pb2.PredictResponse":
        service = self._service
        snapshot = self._pick(request.model_spec)
        check_signature(request.model_spec.signature_name)
        started = time.perf_counter()
        inputs = decode(snapshot.model.spec, request.inputs, service.limits.rows)
        service.metrics.stage.labels("decode").observe(time.perf_counter() - started)
        outputs = chosen(service.predict(snapshot, inputs), request.output_filter)
        response = predict_pb2.PredictResponse()
        _name(response.model_spec, service.name, snapshot, context)
        for name, output in outputs.items():
            tensor = response.outputs[name]
            tensor.dtype = types_pb2.DT_FLOAT
            tensor.tensor_shape.dim.add().size = len(output)
            tensor.tensor_content = np.ascontiguousarray(output, "<f4").tobytes()
        return response

    def _metadata(
        self, request: "get_model_metadata_pb2.GetModelMetadataRequest", context: grpc.ServicerContext
    ) -> "get_model_metadata_pb2.GetModelMetadataResponse":
        if list(request.metadata_field) != ["signature_def"]:
            raise BadRequest(f"metadata_field is {list(request.metadata_field)}; it must be ['signature_def']")
        snapshot = self._pick(request.model_spec)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        _name(response.model_spec, self._service.name, snapshot, context)
        response.metadata["signature_def"].Pack(signatures(snapshot.model.spec))
        return response

    def _status(
        self, request: "get_model_status_pb2.GetModelStatusRequest", _: grpc.ServicerContext
    ) -> "get_model_status_pb2.GetModelStatusResponse":
        self._service.check_name(request.model_spec.name)
        number = request.model_spec.version.value if request.model_spec.HasField("version") else None
        return statuses(self._service.publisher, self._loading(), number)

    def _reload(
        self, request: "model_management_pb2.ReloadConfigRequest", _: grpc.ServicerContext
    ) -> "model_management_pb2.ReloadConfigResponse":
        """Agree to a configuration that is the case already; what is served follows the store, not this call."""
        response = model_management_pb2.ReloadConfigResponse()
        names = [each.name for each in request.config.model_config_list.config]
        if names != [self._service.name]:
            response.status.error_code = grpc.StatusCode.FAILED_PRECONDITION.value[0]
            response.status.error_message = (
                f"this server serves {self._service.name!r} and takes its versions from target.json in the store; "
                "change the OnlineModel instead"
            )
        return response

    def _pick(self, spec: "model_pb2.ModelSpec") -> Snapshot:
        number = spec.version.value if spec.HasField("version") else None
        return self._service.pick(spec.name, number, spec.version_label)

    def _guarded(self, name: str, method: _Method[_Request, _Response]) -> _Method[_Request, _Response]:
        """Time and count a method, and turn errors into codes with a sentence."""
        metrics = self._service.metrics

        def handle(request: _Request, context: grpc.ServicerContext) -> _Response:
            started = time.perf_counter()
            try:
                check_deadline(context.time_remaining())
                response = method(request, context)
            except Exception as error:  # noqa: BLE001 - the edge of the program: a client gets a code and a sentence
                failure = judged(error, name)
                note(metrics, "grpc", name, started, failure)
                context.abort(failure.code, str(failure))
            note(metrics, "grpc", name, started, None)
            return response

        return handle


def _refuse(name: str) -> Callable[[Any, grpc.ServicerContext], Any]:
    def method(_: object, __: grpc.ServicerContext) -> object:
        raise Unsupported(
            f"{name} takes tf.Example, which this server does not read; send the same features to Predict ({SIGNATURE})"
        )

    return method


def _name(spec: "model_pb2.ModelSpec", name: str, snapshot: Snapshot, context: grpc.ServicerContext) -> None:
    """Name the version that answers, in the message and beside it."""
    spec.name = name
    spec.signature_name = SIGNATURE
    spec.version.value = snapshot.version.number
    context.set_trailing_metadata(((VERSION_TRAILER, str(snapshot.version)),))


def _options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", limits.message_bytes),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
