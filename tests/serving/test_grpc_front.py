"""A whole pod meets stock clients; what the engine does by itself is asked in engine/test_door.py."""

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.serving.clients import Client, Recomputed, fails, request, selecting
from tests.serving.conftest import until


async def test_an_answer_is_that_of_the_version_it_names(server, store):
    async with Client(server.ports["grpc"]) as client:
        assert str(Recomputed(store).check(await client.predictions.Predict(request()))) == "3.3"


async def test_a_version_can_be_asked_for_after_the_next_came(server, writer, store):
    writer.update(3)
    await until(lambda: server.publisher.current.version.update == 4)
    async with Client(server.ports["grpc"]) as client:
        assert str(Recomputed(store).check(await client.predictions.Predict(request()))) == "3.4"
        asked = selecting(version=3_000_000_003)
        assert str(Recomputed(store).check(await client.predictions.Predict(asked))) == "3.3"


async def test_the_clients_own_mistakes_are_not_counted(server):
    async with Client(server.ports["grpc"]) as client:
        for wrong in (selecting(name="ads"), selecting(version=17), request(user=None)):
            await fails(client.predictions.Predict(wrong))
        assert server.counts == (0, 0)


async def test_a_large_message_is_refused(server):
    async with Client(server.ports["grpc"]) as client:
        found, _ = await fails(client.predictions.Predict(request(words=np.full((3, 3), b"x" * 2_000_000))))
        assert found is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_health_follows_readiness(serve, writer):
    server = await serve()
    async with Client(server.ports["grpc"]) as client:
        health = health_pb2_grpc.HealthStub(client.channel)
        asked = health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService")
        assert (await health.Check(asked)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert (await fails(client.predictions.Predict(request())))[0] is grpc.StatusCode.UNAVAILABLE
        writer.base(3)
        writer.target(stable=3)
        await until(server.ready)
        assert (await health.Check(asked)).status == health_pb2.HealthCheckResponse.SERVING
        await client.predictions.Predict(request())
