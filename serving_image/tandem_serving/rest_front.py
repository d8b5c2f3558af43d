"""TensorFlow Serving's REST interface: ``:predict``, status and metadata below /v1/models."""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web
from google.protobuf import json_format

from tandem_serving.describe import signatures, statuses
from tandem_serving.edge import PREDICT, check_load, judged, note
from tandem_serving.errors import NotServed, RequestError
from tandem_serving.predict import SIGNATURE, Service
from tandem_serving.rest_tensors import read, write
from tandem_serving.snapshot import Snapshot

_MODEL = "/v1/models/{model:[^/:]+}"
_VERSIONED = _MODEL + "/versions/{version:[0-9]{1,18}}"
_LABELLED = _MODEL + "/labels/{label:[^/:]+}"
_Reply = tuple[bytes, Snapshot | None]


class RestFront:
    """The routes of one model; computes in a pool of its own, so that the event loop only moves bytes.

    Args:
      service: the model.
      loading: says which base is being loaded, for the status.
    """

    def __init__(self, service: Service, loading: Callable[[], int | None]) -> None:
        self._service = service
        self._loading = loading
        self._pool = ThreadPoolExecutor(service.limits.threads, thread_name_prefix="rest")
        self._in_flight = 0

    def application(self) -> web.Application:
        """The routes, ready to be run."""
        app = web.Application(client_max_size=self._service.limits.message_bytes)
        for path in (_MODEL, _VERSIONED, _LABELLED):
            app.router.add_post(path + ":predict", self._predict)
            app.router.add_get(path, self._status)
            app.router.add_get(path + "/metadata", self._metadata)
        app.router.add_route("*", "/{rest:.*}", self._unknown)
        return app

    def close(self) -> None:
        """Let go of the pool; no request runs any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _predict(self, request: web.Request) -> web.StreamResponse:
        try:
            data = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _error(
                web.HTTPRequestEntityTooLarge.status_code,
                f"the body is larger than {self._service.limits.message_bytes} bytes; split it",
            )
        return await self._guarded(PREDICT, lambda: self._answer(request, data))

    async def _status(self, request: web.Request) -> web.StreamResponse:
        return await self._guarded("GetModelStatus", lambda: self._describe_status(request))

    async def _metadata(self, request: web.Request) -> web.StreamResponse:
        return await self._guarded("GetModelMetadata", lambda: self._describe(request))

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        name = self._service.name
        return _error(
            404,
            f"{request.method} {request.path} is unknown; there are POST /v1/models/{name}:predict, "
            f"GET /v1/models/{name} and GET /v1/models/{name}/metadata",
        )

    def _answer(self, request: web.Request, data: bytes) -> _Reply:
        snapshot = self._pick(request)
        started = time.perf_counter()
        body = read(snapshot.model.spec, data, self._service.limits.rows)
        self._service.metrics.stage.labels("decode").observe(time.perf_counter() - started)
        return write(self._service.predict(snapshot, body.inputs), by_row=body.by_row), snapshot

    def _describe_status(self, request: web.Request) -> _Reply:
        self._service.check_name(request.match_info["model"])
        _refuse_label(request)
        response = statuses(self._service.publisher, self._loading(), _number(request))
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
        snapshot = self._pick(request)
        signature = json_format.MessageToDict(signatures(snapshot.model.spec), preserving_proto_field_name=True)
        spec = {"name": self._service.name, "signature_name": SIGNATURE, "version": str(snapshot.version.number)}
        return json.dumps({"model_spec": spec, "metadata": {"signature_def": signature}}).encode(), snapshot

    def _pick(self, request: web.Request) -> Snapshot:
        return self._service.pick(request.match_info["model"], _number(request), request.match_info.get("label", ""))

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
        note(self._service.metrics, "rest", name, started, failure)
        return response


def _number(request: web.Request) -> int | None:
    text = request.match_info.get("version")
    return None if text is None else int(text)


def _refuse_label(request: web.Request) -> None:
    if "label" in request.match_info:
        raise NotServed("version labels are not served; ask for a version, or leave it out")


def _good(data: bytes, snapshot: Snapshot | None) -> web.Response:
    named = (
        {}
        if snapshot is None
        else {"tandem-version": str(snapshot.version), "model-version": str(snapshot.version.number)}
    )
    return web.Response(body=data, content_type="application/json", headers=named)


def _error(status: int, message: str) -> web.Response:
    return web.Response(status=status, body=json.dumps({"error": message}).encode(), content_type="application/json")
