"""Versions in the engine while clients ask all the time: updates, a swap, a roll-back, refusals."""

import asyncio

import numpy as np
from tandem_wire.version import Version

from tests.serving.clients import Client, Recomputed, fails, request, selecting
from tests.serving.engine.engine_process import Engine
from tests.serving.hammer import Hammer


async def _told(engine: Engine, do: str, **fields: object) -> None:
    answer = await asyncio.to_thread(engine.tell, do, **fields)
    assert answer["ok"], answer


async def test_every_answer_is_that_of_exactly_one_version_through_updates_and_swaps(serving, writer, store):
    async with Hammer(serving.port, store) as hammer:
        for _ in range(10):
            record = writer.update(3)
            assert await asyncio.to_thread(serving.apply, 3, record) == {"ok": True}
            await _told(serving, "publish", base=3, update=record.slot)
            await hammer.more(5)
        loaded = await asyncio.to_thread(serving.load, writer.base(4))
        assert loaded["ok"], loaded
        await _told(serving, "publish", base=4, update=0)
        await hammer.more(20)
        await _told(serving, "publish", base=3, update=record.slot)
        await hammer.more(20)
        keyframe = writer.keyframe(4)
        assert await asyncio.to_thread(serving.apply, 4, keyframe) == {"ok": True}
        await _told(serving, "publish", base=4, update=keyframe.slot)
        await _told(serving, "drop", base=3)
        await hammer.more(20)
    seen = {version for versions in hammer.versions for version in versions}
    assert len(seen) > 10
    assert {version.base for version in seen} == {3, 4}
    stats = serving.tell("stats")
    assert (stats["answers"], stats["errors"]) == (hammer.count, 0)
    assert {Version.parse(text).base for text in stats["versions"]} == {4}


async def test_what_can_not_be_done_says_why_and_changes_nothing(serving, writer, store):
    async with Client(serving.port) as client:
        spoiled = writer.update(3, {"norm/variance": np.full(6, -1.0, np.float32)})
        refused = await asyncio.to_thread(serving.apply, 3, spoiled)
        assert (refused["ok"], refused["kind"]) == (False, "BadUpdate")
        assert refused["why"].startswith(f"updates/3/{spoiled.slot}: ")
        for do, fields, why in (
            ("publish", {"base": 3, "update": 9}, "version 3.9 is not the newest of its base, which is 3.3"),
            ("publish", {"base": 5, "update": 0}, "base 5 is not in memory; load it first"),
            ("drop", {"base": 3}, "base 3 is answered from as version 3.3; publish another base first"),
            ("load", {"base": 3, "folder": "x"}, "base 3 is in memory already; drop it first"),
        ):
            answer = serving.tell(do, **fields)
            assert (answer["ok"], answer["kind"]) == (False, "Refused")
            assert answer["why"].startswith(why)
        missing = serving.tell("load", base=8, folder="/nowhere")
        assert (missing["ok"], missing["kind"]) == (False, "BadExport")
        assert serving.tell("dance")["kind"] == "Bug"
        assert str(Recomputed(store).check(await client.predictions.Predict(request()))) == "3.3"


async def test_a_dropped_base_is_gone_for_clients(serving, writer):
    loaded = await asyncio.to_thread(serving.load, writer.base(4))
    assert loaded["ok"], loaded
    await _told(serving, "publish", base=4, update=0)
    await _told(serving, "drop", base=3)
    async with Client(serving.port) as client:
        code, details = await fails(client.predictions.Predict(selecting(version=3_000_000_003)))
        assert code.name == "NOT_FOUND"
        assert "these are: 4000000000 (4.0)." in details
        await client.predictions.Predict(request())
