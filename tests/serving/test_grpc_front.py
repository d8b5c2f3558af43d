import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    regression_pb2,
)

from tests.serving.clients import Client, Recomputed, request
from tests.serving.conftest import until

AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
async def client(server):
    async with Client(server.ports["grpc"]) as client:
        yield client


async def fails(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details()


async def test_an_answer_is_that_of_the_version_it_names(client, store):
    call = client.predictions.Predict(request())
    response = await call
    assert str(Recomputed(store).check(response)) == "3.3"
    assert response.model_spec.name == "search"
    assert response.model_spec.signature_name == "serving_default"
    assert dict(await call.trailing_metadata())["tandem-version"] == "3.3"
    assert sorted(response.outputs) == ["ctr", "cvr"]


async def test_outputs_can_be_chosen(client):
    asked = request()
    asked.output_filter.append("cvr")
    assert list((await client.predictions.Predict(asked)).outputs) == ["cvr"]


async def test_a_version_can_be_asked_for(client, server, writer, store):
    writer.update(3)
    await until(lambda: server.publisher.current.version.update == 4)
    asked = request()
    asked.model_spec.version.value = 3_000_000_003
    assert str(Recomputed(store).check(await client.predictions.Predict(asked))) == "3.3"


def spec(**fields):
    asked = request()
    for name, value in fields.items():
        if name == "version":
            asked.model_spec.version.value = value
        elif name == "output_filter":
            asked.output_filter.append(value)
        else:
            setattr(asked.model_spec, name, value)
    return asked


WRONG = [
    ("model", spec(name="ads"), "NOT_FOUND", "model 'ads' is not served here; this server has 'search'"),
    ("version", spec(version=17), "NOT_FOUND", "version 17 (0.17) is not served here; these are: 3000000003 (3.3)"),
    ("label", spec(version_label="stable"), "NOT_FOUND", "version labels such as 'stable' are not served"),
    ("signature", spec(signature_name="x"), "INVALID_ARGUMENT", "signature_name 'x' is unknown"),
    (
        "output",
        spec(output_filter="ctcvr"),
        "INVALID_ARGUMENT",
        "output_filter names 'ctcvr'; the model has 'ctr', 'cvr'",
    ),
    ("input", request(user=None), "INVALID_ARGUMENT", "input 'user' is missing"),
    (
        "NaN",
        request(numeric=np.full((3, 2), np.nan, np.float32)),
        "INVALID_ARGUMENT",
        "input 'numeric' has nan in row 0",
    ),
]


@pytest.mark.parametrize(("asked", "code", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
async def test_a_wrong_request_gets_a_code_and_the_remedy(client, server, asked, code, message):
    found, details = await fails(client.predictions.Predict(asked))
    assert (found.name, details[: len(message)]) == (code, message)
    assert server.counts == (0, 0)


async def test_a_large_message_is_refused(client):
    found, _ = await fails(client.predictions.Predict(request(words=np.full((3, 3), b"x" * 2_000_000))))
    assert found is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_metadata(client):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "search"
    response = await client.predictions.GetModelMetadata(asked)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    signature = signatures.signature_def["serving_default"]
    assert {name: info.dtype for name, info in signature.inputs.items()} == {
        "user": tf.int64.as_datatype_enum,
        "words": tf.string.as_datatype_enum,
        "numeric": tf.float32.as_datatype_enum,
    }
    assert [dim.size for dim in signature.inputs["words"].tensor_shape.dim] == [-1, 3]
    assert sorted(signature.outputs) == ["ctr", "cvr"]
    assert response.model_spec.version.value == 3_000_000_003
    asked.metadata_field[0] = "graph"
    assert (await fails(client.predictions.GetModelMetadata(asked)))[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_status(client):
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "search"
    statuses = (await client.models.GetModelStatus(asked)).model_version_status
    assert [(each.version, each.state, each.status.error_code) for each in statuses] == [(3_000_000_003, AVAILABLE, 0)]
    asked.model_spec.version.value = 3_000_000_003
    assert len((await client.models.GetModelStatus(asked)).model_version_status) == 1
    asked.model_spec.version.value = 1
    found, details = await fails(client.models.GetModelStatus(asked))
    assert (found.name, details) == ("NOT_FOUND", "version 1 is not here; these are: 3000000003")
    asked.model_spec.name = "ads"
    assert (await fails(client.models.GetModelStatus(asked)))[0] is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(("name", "code"), [("search", 0), ("ads", grpc.StatusCode.FAILED_PRECONDITION.value[0])])
async def test_reloading_agrees_to_what_is_the_case(client, name, code):
    asked = model_management_pb2.ReloadConfigRequest()
    asked.config.model_config_list.config.add(name=name)
    status = (await client.models.HandleReloadConfigRequest(asked)).status
    assert status.error_code == code
    assert ("change the OnlineModel" in status.error_message) == (code != 0)


async def test_what_is_not_there_says_what_to_use(client):
    for call in (
        client.predictions.Classify(classification_pb2.ClassificationRequest()),
        client.predictions.Regress(regression_pb2.RegressionRequest()),
    ):
        found, details = await fails(call)
        assert found is grpc.StatusCode.UNIMPLEMENTED
        assert "Predict" in details


async def test_health_follows_readiness(serve, writer):
    server = await serve()
    async with Client(server.ports["grpc"]) as client:
        health = health_pb2_grpc.HealthStub(client.channel)
        asked = health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService")
        assert (await health.Check(asked)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        found, details = await fails(client.predictions.Predict(request()))
        assert (found.name, details[:22]) == ("UNAVAILABLE", "no base is loaded yet;")
        writer.base(3)
        writer.target(stable=3)
        await until(server.ready)
        assert (await health.Check(asked)).status == SERVING
        await client.predictions.Predict(request())
