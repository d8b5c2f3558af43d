"""The engine meets stock clients as the tables of requests say, without its control plane."""

import asyncio
import re
import time
from typing import Any

import grpc
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.serving.clients import Client, Recomputed, fails, request, selecting
from tests.serving.conftest import until
from tests.serving.predict_inputs import BAD, GOOD, raw

AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE
LOADING = get_model_status_pb2.ModelVersionStatus.LOADING


@pytest.fixture
async def client(shared):
    async with Client(shared[0].port) as client:
        yield client


async def test_an_answer_is_that_of_the_version_it_names(client, shared):
    call = client.predictions.Predict(request())
    response = await call
    assert str(Recomputed(shared[1]).check(response)) == "3.3"
    assert (response.model_spec.name, response.model_spec.signature_name) == ("search", "serving_default")
    assert dict(await call.trailing_metadata())["tandem-version"] == "3.3"
    assert sorted(response.outputs) == ["ctr", "cvr"]


async def test_outputs_can_be_chosen(client):
    assert list((await client.predictions.Predict(selecting(output_filter="cvr"))).outputs) == ["cvr"]


async def test_a_version_is_seen_when_it_is_published_and_can_be_asked_for_afterwards(serving, writer, store):
    async with Client(serving.port) as client:
        assert serving.apply(3, writer.update(3)) == {"ok": True}
        assert str(Recomputed(store).check(await client.predictions.Predict(request()))) == "3.3"
        assert serving.tell("publish", base=3, update=4) == {"ok": True}
        assert str(Recomputed(store).check(await client.predictions.Predict(request()))) == "3.4"
        assert str(Recomputed(store).check(await client.predictions.Predict(selecting(version=3_000_000_003)))) == "3.3"


WRONG = [
    ("model", {"name": "ads"}, "NOT_FOUND", "model 'ads' is not served here; this server has 'search'"),
    ("version", {"version": 17}, "NOT_FOUND", "version 17 (0.17) is not served here; these are: 3000000003 (3.3)"),
    ("label", {"version_label": "old"}, "NOT_FOUND", "version label 'old' is not served here; these are: none"),
    ("signature", {"signature_name": "x"}, "INVALID_ARGUMENT", "signature_name 'x' is unknown"),
    (
        "output",
        {"output_filter": "ctcvr"},
        "INVALID_ARGUMENT",
        "output_filter names 'ctcvr'; the model has 'ctr', 'cvr'",
    ),
]


@pytest.mark.parametrize(("asked", "code", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
async def test_a_wrong_request_gets_a_code_and_the_remedy(client, shared, asked, code, message):
    before = shared[0].tell("stats")
    found, details = await fails(client.predictions.Predict(selecting(**asked)))
    assert (found.name, details[: len(message)]) == (code, message)
    after = shared[0].tell("stats")
    assert (after["answers"], after["errors"]) == (before["answers"], before["errors"])


@pytest.mark.parametrize(("changes", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_a_wrong_input_is_refused_with_its_name_and_the_remedy(client, changes, message):
    code, details = await fails(client.predictions.Predict(request(**changes)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert re.search(message, details)


@pytest.mark.parametrize(("changes", "name"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
async def test_other_forms_of_the_same(client, shared, changes, name):
    del name
    Recomputed(shared[1]).check(await client.predictions.Predict(request(**changes)))


async def test_short_forms_and_no_rows(client):
    short = request(numeric=raw(types_pb2.DT_FLOAT, [3, 2], float_val=[0.5]))
    full = request(numeric=raw(types_pb2.DT_FLOAT, [3, 2], float_val=[0.5] * 6))
    answers = [(await client.predictions.Predict(asked)).outputs["ctr"].tensor_content for asked in (short, full)]
    assert answers[0] == answers[1]
    none = request(
        user=raw(types_pb2.DT_INT64, [0]),
        words=raw(types_pb2.DT_STRING, [0, 3]),
        numeric=raw(types_pb2.DT_FLOAT, [0, 2]),
    )
    response = await client.predictions.Predict(none)
    assert [tf.make_ndarray(output).shape for output in response.outputs.values()] == [(0,), (0,)]


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_no_bytes_do_more_than_be_refused(shared, data):
    whole = request().SerializeToString()
    at = data.draw(st.integers(0, len(whole)))
    damaged = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 8)) :]
    with grpc.insecure_channel(f"127.0.0.1:{shared[0].port}") as channel:
        ask: Any = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            response_deserializer=predict_pb2.PredictResponse.FromString,
        )
        call = ask.future(damaged, timeout=10)
        refused = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
        assert call.code() in refused or set(call.result().outputs) <= {"ctr", "cvr"}


async def test_metadata(client):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "search"
    response = await client.predictions.GetModelMetadata(asked)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    signature = signatures.signature_def["serving_default"]
    assert {name: info.dtype for name, info in signature.inputs.items()} == {
        "user": types_pb2.DT_INT64,
        "words": types_pb2.DT_STRING,
        "numeric": types_pb2.DT_FLOAT,
    }
    assert [dim.size for dim in signature.inputs["words"].tensor_shape.dim] == [-1, 3]
    assert sorted(signature.outputs) == ["ctr", "cvr"]
    assert response.model_spec.version.value == 3_000_000_003
    asked.metadata_field[0] = "graph"
    assert (await fails(client.predictions.GetModelMetadata(asked)))[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_status(client, shared):
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "search"
    shared[0].tell("loading", base=4)
    states = (await client.models.GetModelStatus(asked)).model_version_status
    assert (states[0].version, states[0].state, states[0].status.error_code) == (3_000_000_003, AVAILABLE, 0)
    assert (states[-1].version, states[-1].state) == (4_000_000_000, LOADING)
    shared[0].tell("loading", base=None)
    asked.model_spec.version.value = 3_000_000_003
    assert len((await client.models.GetModelStatus(asked)).model_version_status) == 1
    asked.model_spec.version.value = 1
    found, details = await fails(client.models.GetModelStatus(asked))
    assert (found.name, details[:36]) == ("NOT_FOUND", "version 1 is not here; these are: 30")
    asked.model_spec.name = "ads"
    assert (await fails(client.models.GetModelStatus(asked)))[0] is grpc.StatusCode.NOT_FOUND


async def test_a_label_is_the_newest_version_of_its_base(serving, writer, store):
    assert serving.load(writer.base(4))["ok"]
    assert serving.tell("publish", base=4, update=0) == {"ok": True}
    assert serving.apply(3, writer.update(3)) == {"ok": True}
    assert serving.tell("publish", base=3, update=4, beside=True) == {"ok": True}
    assert serving.tell("labels", labels={"stable": 3, "candidate": 4, "old": 2}) == {"ok": True}
    async with Client(serving.port) as client:
        for label, version in (("stable", "3.4"), ("candidate", "4.0"), ("", "4.0")):
            response = await client.predictions.Predict(selecting(version_label=label))
            assert str(Recomputed(store).check(response)) == version
        found, details = await fails(client.predictions.Predict(selecting(version_label="old")))
        assert found is grpc.StatusCode.NOT_FOUND
        assert "these are: 'candidate' (4.0), 'stable' (3.4)" in details
        status = get_model_status_pb2.GetModelStatusRequest(model_spec={"name": "search", "version_label": "stable"})
        (state,) = (await client.models.GetModelStatus(status)).model_version_status
        assert (state.version, state.state) == (3_000_000_004, AVAILABLE)
        metadata = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec={"name": "search", "version_label": "stable"}, metadata_field=["signature_def"]
        )
        assert (await client.predictions.GetModelMetadata(metadata)).model_spec.version.value == 3_000_000_004


async def test_watching_tells_of_every_change(engine):
    async with Client(engine.port) as client:
        health = health_pb2_grpc.HealthStub(client.channel)
        stream = health.Watch(health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService"))
        other = health.Watch(health_pb2.HealthCheckRequest(service="ads"))
        assert (await stream.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert (await other.read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        for ready in (True, False, True):
            engine.tell("ready", value=ready)
            engine.tell("ready", value=ready)
            expected = "SERVING" if ready else "NOT_SERVING"
            assert health_pb2.HealthCheckResponse.ServingStatus.Name((await stream.read()).status) == expected
        other.cancel()
        begun = time.monotonic()
        assert await asyncio.to_thread(engine.tell, "drain", grace_seconds=60.0) == {"ok": True}
        assert (await stream.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await fails(stream.read()) == (
            grpc.StatusCode.UNAVAILABLE,
            "this server ends; watch another replica",
        )
        assert await asyncio.to_thread(engine.process.wait, 10) == 0
        assert time.monotonic() - begun < 30


@pytest.mark.parametrize(("name", "code"), [("search", 0), ("ads", grpc.StatusCode.FAILED_PRECONDITION.value[0])])
async def test_reloading_agrees_to_what_is_the_case(client, name, code):
    asked = model_management_pb2.ReloadConfigRequest()
    asked.config.model_config_list.config.add(name=name)
    status = (await client.models.HandleReloadConfigRequest(asked)).status
    assert (status.error_code, "change the OnlineModel" in status.error_message) == (code, code != 0)


async def test_health_and_reflection(engine):
    async with Client(engine.port) as client:
        health = health_pb2_grpc.HealthStub(client.channel)
        asked = health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService")
        assert (await health.Check(asked)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        found, details = await fails(client.predictions.Predict(request()))
        assert (found.name, details[:22]) == ("UNAVAILABLE", "no base is loaded yet;")
        engine.tell("ready", value=True)
        assert (await health.Check(asked)).status == health_pb2.HealthCheckResponse.SERVING
        reflect: Any = client.channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        name = b"tensorflow.serving.PredictRequest"
        questions = [b"\x3a\x00", b"\x22" + bytes([len(name)]) + name]
        answers = [answer async for answer in reflect(iter(questions))]
        assert b"tensorflow.serving.PredictionService" in answers[0]
        assert b"tensorflow_serving/apis/predict.proto" in answers[1]
        assert b"tensorflow/core/framework/tensor.proto" in answers[1]


async def test_it_listens_on_a_path_too(shared):
    engine, store = shared
    async with grpc.aio.insecure_channel(engine.path) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        Recomputed(store).check(await stub.Predict(request()))


async def test_it_drains_and_ends(serving, store):
    async with Client(serving.port) as client:
        calls = [asyncio.ensure_future(client.predictions.Predict(request())) for _ in range(20)]
        for call in calls:
            Recomputed(store).check(await call)
        await until(lambda: serving.tell("stats")["in_flight"] == 0)
        stats = serving.tell("stats")
        assert (stats["answers"], stats["versions"][0]) == (20, "3.3")
        assert 'tandem_engine_requests_total{method="Predict",code="OK"} 20' in stats["text"]
        assert 'tandem_engine_row_bytes{kind="used"} ' in stats["text"]
        assert await asyncio.to_thread(serving.tell, "drain", grace_seconds=5.0) == {"ok": True}
        assert await asyncio.to_thread(serving.process.wait, 10) == 0


def test_it_ends_with_its_control_plane(engine):
    port = engine.port
    assert port > 0
    engine.__exit__()
    assert engine.process.returncode == 1
