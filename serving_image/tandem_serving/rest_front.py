"""TensorFlow Serving's REST interface below /v1/models: predict, classify, regress, status and metadata."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import web
from google.protobuf import json_format
from tandem_wire.model import ModelSpec
from tandem_wire.version import Version

from tandem_serving.edge import PREDICT, check_load, judged, note
from tandem_serving.errors import NotReady, RequestError
from tandem_serving.forward import Asked, Forward
from tandem_serving.inputs import SIGNATURE
from tandem_serving.limits import Limits
from tandem_serving.metrics import Metrics
from tandem_serving.publish import Publisher
from tandem_serving.rest_examples import Examples, read_examples, write_classes, write_values
from tandem_serving.rest_tensors import read, write

_MODEL = "/v1/models/{model:[^/:]+}"
_VERSIONED = _MODEL + "/versions/{version:[0-9]{1,18}}"
_LABELLED = _MODEL + "/labels/{label:[^/:]+}"
_Reply = tuple[bytes, Version | None]


@dataclass(frozen=True, slots=True)
class Service:
    """What REST answers from.

    Args:
      name: what clients call the model.
      forward: asks the engine.
      publisher: knows the contract of what is served.
    """

    name: str
    forward: Forward
    publisher: Publisher
    limits: Limits
    metrics: Metrics


class RestFront:
    """The routes of one model; reads JSON in a pool of its own, so that the event loop only moves bytes.

    The engine picks the version, computes and refuses; what it says is passed on.

    Args:
      service: the model.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pool = ThreadPoolExecutor(service.limits.threads, thread_name_prefix="rest")
        self._in_flight = 0

    def application(self) -> web.Application:
        """The routes, ready to be run."""
        app = web.Application(client_max_size=self._service.limits.message_bytes)
        for path in (_MODEL, _VERSIONED, _LABELLED):
            app.router.add_post(path + ":predict", self._on(PREDICT, self._predict))
            app.router.add_post(path + ":classify", self._on("Classify", self._classify))
            app.router.add_post(path + ":regress", self._on("Regress", self._regress))
            app.router.add_get(path, self._status)
            app.router.add_get(path + "/metadata", self._metadata)
        app.router.add_route("*", "/{rest:.*}", self._unknown)
        return app

    def close(self) -> None:
        """Let go of the pool; no request runs any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _on(
        self, method: str, answer: Callable[[Asked, ModelSpec, bytes], _Reply]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Handle what asks for answers: read the body, look up what is served, compute."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                data = await request.read()
            except web.HTTPRequestEntityTooLarge:
                return _error(
                    web.HTTPRequestEntityTooLarge.status_code,
                    f"the body is larger than {self._service.limits.message_bytes} bytes; split it",
                )
            asked = _asked(request)
            return await self._guarded(method, lambda: answer(asked, self._spec(asked), data))

        return handle

    async def _status(self, request: web.Request) -> web.StreamResponse:
        return await self._guarded("GetModelStatus", lambda: self._describe_status(request))

    async def _metadata(self, request: web.Request) -> web.StreamResponse:
        return await self._guarded("GetModelMetadata", lambda: self._describe(request))

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        name = self._service.name
        return _error(
            404,
            f"{request.method} {request.path} is unknown; there are POST /v1/models/{name}:predict, :classify and "
            f":regress, GET /v1/models/{name} and GET /v1/models/{name}/metadata",
        )

    def _spec(self, asked: Asked) -> ModelSpec:
        """What bodies are read against."""
        service = self._service
        served = service.publisher.current
        if served is None or asked.name != service.name or asked.label or asked.number is not None:
            service.forward.metadata(asked)  # refuses what is not served, before the body is looked at
        if served is None:
            raise NotReady("no base is loaded yet; ask again when /readyz says 200, or ask another replica")
        return served.spec

    def _predict(self, asked: Asked, spec: ModelSpec, data: bytes) -> _Reply:
        with self._service.metrics.stage.labels("json").time():
            body = read(spec, data, self._service.limits.rows)
        outputs, version = self._service.forward.predict(asked, spec, body.inputs)
        return write(outputs, by_row=body.by_row), version

    def _classify(self, asked: Asked, spec: ModelSpec, data: bytes) -> _Reply:
        result, version = self._service.forward.classify(asked, self._examples(spec, data))
        return write_classes(result), version

    def _regress(self, asked: Asked, spec: ModelSpec, data: bytes) -> _Reply:
        result, version = self._service.forward.regress(asked, self._examples(spec, data))
        return write_values(result), version

    def _examples(self, spec: ModelSpec, data: bytes) -> Examples:
        with self._service.metrics.stage.labels("json").time():
            return read_examples(spec, data)

    def _describe_status(self, request: web.Request) -> _Reply:
        response = self._service.forward.status(_asked(request))
        versions = [
            {
                "version": str(each.version),
                "state": each.State.Name(each.state),
                "status": {"error_code": "OK", "error_message": ""},
            }
            for each in response.model_version_status
        ]
        return json.dumps({"model_version_status": versions}).encode(), None

    def _describe(self, request: web.Request) -> _Reply:
        signatures, version = self._service.forward.metadata(_asked(request))
        signature = json_format.MessageToDict(signatures, preserving_proto_field_name=True)
        spec = {"name": self._service.name, "signature_name": SIGNATURE, "version": str(version.number)}
        return json.dumps({"model_spec": spec, "metadata": {"signature_def": signature}}).encode(), version

    async def _guarded(self, name: str, work: Callable[[], _Reply]) -> web.StreamResponse:
        """Compute off the event loop; time and count, and turn errors into statuses with a sentence."""
        started = time.perf_counter()
        failure: RequestError | None = None
        try:
            check_load(self._in_flight, self._service.limits.in_flight)
            self._in_flight += 1
            try:
                response = _good(*await asyncio.get_running_loop().run_in_executor(self._pool, work))
            finally:
                self._in_flight -= 1
        except Exception as error:  # noqa: BLE001 - the edge of the program: a client gets a status and a sentence
            failure = judged(error, name)
            response = _error(failure.http, str(failure))
        note(self._service.metrics, name, started, failure)
        return response


def _asked(request: web.Request) -> Asked:
    found = request.match_info
    number = found.get("version")
    return Asked(found["model"], None if number is None else int(number), found.get("label", ""))


def _good(data: bytes, version: Version | None) -> web.Response:
    named = {} if version is None else {"tandem-version": str(version), "model-version": str(version.number)}
    return web.Response(body=data, content_type="application/json", headers=named)


def _error(status: int, message: str) -> web.Response:
    return web.Response(status=status, body=json.dumps({"error": message}).encode(), content_type="application/json")
