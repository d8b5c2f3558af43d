"""A whole pod: hammered while versions change, while the store is away, while it ends."""

import asyncio
from collections.abc import Callable

import grpc
import pytest
from tandem_serving.server import Server
from tandem_wire.version import Version

from tests.serving.clients import Client, Recomputed, request
from tests.serving.conftest import POD, until
from tests.serving.fragile_store import AWAY, FragileStore
from tests.serving.hammer import Hammer
from tests.serving.lineage_writer import corrupt


def version(server: Server) -> Version:
    assert server.publisher.current is not None
    return server.publisher.current.version


def answers_from(server: Server, expected: Version) -> Callable[[], bool]:
    return lambda: version(server) == expected


async def test_every_answer_is_that_of_exactly_one_version_through_updates_and_swaps(server, store, writer):
    """I1 and I2 as a client sees them: three clients, twenty updates, a swap, a roll-back and a promotion."""
    async with Hammer(server.ports["grpc"], store) as hammer:
        for _ in range(10):
            record = writer.update(3)
            await until(answers_from(server, Version(3, record.slot)))
            await hammer.more(5)
        writer.base(4)
        writer.update(4)
        writer.target(stable=3, candidate=4, pods=(POD,))
        await until(lambda: version(server).base == 4)
        await hammer.more(20)
        last = writer.update(3)
        writer.target(stable=3)
        await until(answers_from(server, Version(3, last.slot)))
        await hammer.more(20)
        writer.base(5)
        writer.target(stable=3, candidate=5, pods=(POD,))
        await until(lambda: version(server).base == 5)
        writer.target(stable=5)
        for _ in range(10):
            record = writer.update(5)
            await until(answers_from(server, Version(5, record.slot)))
            await hammer.more(5)
    answers, errors = server.counts
    assert (answers, errors) == (hammer.count, 0)
    assert {seen.base for each in hammer.versions for seen in each} == {3, 4, 5}
    assert len({seen for each in hammer.versions for seen in each}) > 15


async def test_within_a_base_no_client_goes_back(server, store, writer):
    async with Hammer(server.ports["grpc"], store) as hammer:
        for _ in range(10):
            writer.update(3)
            await hammer.more(6)
    for versions in hammer.versions:
        assert versions == sorted(versions)


async def test_a_corrupt_update_changes_no_answer_and_a_keyframe_heals_it(server, store, writer):
    async with Hammer(server.ports["grpc"], store) as hammer:
        bad = writer.update(3, spoiled=True)
        await until(lambda: server.control.view.refused)
        await hammer.more(10)
        healed = writer.keyframe(3, voids=bad.slot)
        await until(lambda: version(server).update == healed.slot)
        await hammer.more(10)
    assert server.counts[1] == 0


async def test_a_candidate_that_fails_is_never_seen_by_a_client(server, store, writer):
    async with Hammer(server.ports["grpc"], store) as hammer:
        corrupt(store, writer.base(4))
        writer.target(stable=3, candidate=4, pods=(POD,))
        await until(lambda: server.status.report().candidate and server.status.report().candidate.state == "Failed")
        await hammer.more(10)
    assert {seen.base for each in hammer.versions for seen in each} == {3}
    assert server.status.report().serving.base == 3


async def test_the_store_may_be_away(serve, store, writer):
    writer.base(3)
    writer.target(stable=3)
    fragile = FragileStore(store)
    server = await serve(store=fragile.store)
    await until(server.ready)
    async with Hammer(server.ports["grpc"], store) as hammer:
        fragile.error = AWAY
        await until(lambda: fragile.misses > 4)
        await hammer.more(20)
        writer.update(3)
        last = writer.update(3)
        fragile.error = None
        await until(answers_from(server, Version(3, last.slot)))
        await hammer.more(10)
    assert server.counts == (hammer.count, 0)


async def test_a_pod_that_starts_while_the_store_is_away_gets_ready_when_it_is_back(serve, store, writer):
    writer.base(3)
    writer.target(stable=3)
    fragile = FragileStore(store)
    fragile.error = AWAY
    server = await serve(store=fragile.store)
    await until(lambda: fragile.misses > 2)
    assert not server.ready()
    fragile.error = None
    await until(server.ready)


async def test_requests_that_run_when_it_ends_are_answered(serve, store, writer):
    writer.base(3)
    writer.target(stable=3)
    server = await serve()
    await until(server.ready)
    asyncio.get_running_loop().call_soon(server.end)
    assert await server.wait() is None
    async with Client(server.ports["grpc"]) as client, Client(server.ports["grpc"]) as late:
        await client.predictions.Predict(request())
        calls = [asyncio.ensure_future(client.predictions.Predict(request())) for _ in range(100)]
        await until(lambda: server.counts[0] > 1)
        await server.stop()
        for call in calls:
            Recomputed(store).check(await call)
        assert not server.ready()
        with pytest.raises(grpc.aio.AioRpcError):
            await late.predictions.Predict(request(), timeout=1)
