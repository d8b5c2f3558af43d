import dataclasses
import os
import signal
from datetime import timedelta

import aiohttp
import pytest
from tandem_serving.control import View
from tandem_serving.errors import EngineGone
from tandem_serving.follow import Failure, Held
from tandem_serving.status import page
from tandem_wire.report import PodReport
from tandem_wire.version import Version

from tests.serving.clients import Client, request
from tests.serving.conftest import POD, until
from tests.serving.lineage_writer import EPOCH


@pytest.fixture
async def get(server):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.ports['status']}") as session:

        async def get(path):
            async with session.get(path) as answer:
                return answer.status, await answer.text()

        yield get


async def test_the_report_says_what_is_served(get, server):
    async with Client(server.ports["grpc"]) as client:
        await client.predictions.Predict(request())
    report = PodReport.from_json((await get("/statusz.json"))[1])
    assert report.serving is not None
    assert report.store_seen_at is not None
    assert (report.model, report.pod, report.ready, report.target) == ("shop/search", POD, True, 1)
    assert (report.serving.base, report.serving.update) == (3, 3)
    assert report.serving.watermark == EPOCH + timedelta(hours=3, seconds=3)
    assert [(each.base, each.update) for each in report.loaded] == [(3, 3)]
    assert (report.candidate, report.refused) == (None, ())
    assert (report.answers, report.errors) == (1, 0)
    assert report.store_seen_at >= report.serving.since - timedelta(seconds=1)


async def test_the_report_and_the_page_name_what_was_refused(get, server, writer):
    writer.update(3, spoiled=True)
    await until(lambda: server.control.view.refused)
    report = PodReport.from_json((await get("/statusz.json"))[1])
    assert [refusal.record for refusal in report.refused] == ["updates/3/4"]
    status, page = await get("/statusz")
    assert status == 200
    assert "refused updates/3/4" in page
    assert "digest of serving.safetensors" in page
    assert "3.3, since" in page
    assert "<th>base 3 computes</th><td>1: " in page


async def test_a_report_is_of_one_look_though_a_version_comes_meanwhile(server):
    before = dataclasses.replace(server.status, view=View)
    assert server.ready()
    report = before.report()
    assert (report.serving, report.loaded, report.ready) == (None, (), False)


def test_a_page_says_what_failed_and_runs_nothing():
    now = EPOCH + timedelta(hours=1)
    held = Held(failed={4: Failure("<script>", again=1.0)}, loading=5)
    view = View(held=held, store_seen_at=EPOCH, trouble="no route")
    report = PodReport(
        model="shop/<search>",
        pod=POD,
        ready=False,
        serving=None,
        loaded=(),
        candidate=None,
        target=None,
        refused=(),
        store_seen_at=EPOCH,
        answers=0,
        errors=0,
    )
    text = page(report, view, now)
    for part in (
        "base 4 failed",
        "&lt;script&gt;; it is tried again",
        "seen 3600.0 s ago; at the last look: no route",
    ):
        assert part in text
    assert "<script>" not in text
    assert "<search>" not in text


async def test_metrics(get, server):
    async with Client(server.ports["grpc"]) as client:
        await client.predictions.Predict(request())
    _, text = await get("/metrics")
    for line in (
        'tandem_serving_requests_total{api="grpc",code="OK",method="Predict"} 1.0',
        "tandem_serving_base 3.0",
        "tandem_serving_update 3.0",
        "tandem_serving_rows_total 3.0",
        'tandem_serving_published_total{kind="swap"} 1.0',
        'tandem_serving_stage_seconds_count{stage="dense"} 1.0',
        'tandem_serving_request_seconds_count{api="grpc",method="Predict"} 1.0',
    ):
        assert line in text
    fresh = float(next(line for line in text.splitlines() if line.startswith("tandem_serving_freshness_s")).split()[-1])
    assert fresh == pytest.approx((server.status.now() - server.publisher.current.watermark).total_seconds(), abs=5)


async def test_both_interfaces_are_counted_under_one_name(get, server):
    address = f"http://127.0.0.1:{server.ports['rest']}"
    async with aiohttp.ClientSession(address) as session, session.get("/v1/models/search") as answer:
        assert answer.status == 200
    _, text = await get("/metrics")
    for api in ("grpc", "rest"):
        assert f'tandem_serving_requests_total{{api="{api}",code="OK",method="GetModelStatus"}} 1.0' in text
    assert text.count("# TYPE tandem_serving_requests_total counter") == 1


async def test_without_an_engine_the_probes_fail_and_the_pages_say_so(get, server):
    os.kill(server.engine.pid, signal.SIGKILL)
    fatal = await server.wait()
    assert isinstance(fatal, EngineGone)
    assert (await get("/livez"))[0] == 500
    assert (await get("/readyz"))[0] == 503
    status, text = await get("/statusz.json")
    assert status == 503
    assert "the engine gave no answer" in text


async def test_probes(serve, writer):
    server = await serve()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.ports['status']}") as session:

        async def probe(path):
            async with session.get(path) as answer:
                return answer.status, await answer.text()

        assert await probe("/readyz") == (503, "no base is loaded yet\n")
        assert await probe("/livez") == (200, "alive\n")
        writer.base(3)
        writer.target(stable=3)
        await until(server.ready)
        assert server.publisher.current.version == Version(3, 0)
        assert await probe("/readyz") == (200, "ready\n")
        server._closing.set()
        assert await probe("/readyz") == (503, "shutting down\n")
        server.control.wake()
        await until(lambda: not server._thread.is_alive())
        assert (await probe("/livez"))[0] == 500
