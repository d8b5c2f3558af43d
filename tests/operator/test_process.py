"""The parts of the process that stand around the plan: settings, workers, reports, the lease, metrics."""

import asyncio
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client import generate_latest
from tandem_operator import probes, reports, workers
from tandem_operator.errors import ClusterUnavailable, ObjectGone, Stale
from tandem_operator.lease import Lease, Place
from tandem_operator.metrics import Metrics
from tandem_operator.queue import Agenda, KeyedQueue
from tandem_operator.reconcile import Done, last_status
from tandem_operator.settings import Settings
from tandem_wire.errors import StoreUnavailable

from tests.operator.builders import online_model, report, table


def test_settings_have_defaults_and_are_read_from_the_environment():
    plain = Settings.of({})
    assert (plain.namespaces, plain.lease, plain.port, plain.reports_by_proxy) == ((), None, 8080, False)
    env = {
        "TANDEM_LEASE": "tandem",
        "POD_NAME": "op-1",
        "POD_NAMESPACE": "tandem-system",
        "TANDEM_WATCH_NAMESPACES": "shop,ads",
        "TANDEM_TRAINING_IMAGE": "t@sha256:1",
        "TANDEM_POD_REPORTS": "proxy",
    }
    given = Settings.of(env)
    assert given.lease == Place("tandem-system", "tandem", "op-1")
    assert given.namespaces == ("shop", "ads")
    assert given.images.training == "t@sha256:1"
    assert given.reports_by_proxy


class Looker:
    """A reconciler that does as it is told."""

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome

    async def reconcile(self, _key: str) -> Done:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        assert isinstance(self.outcome, Done)
        return self.outcome


@table(
    "outcome counted due",
    [
        ("well, and again", Done(), "done", False),
        ("gone", Done(gone=True), "done", False),
        ("the API server is away", ClusterUnavailable("refused"), "unavailable", True),
        ("the store is away", StoreUnavailable("no answer"), "failed", True),
        ("a fault of the program", KeyError("oops"), "bug", True),
    ],
)
async def test_a_look_never_ends_the_worker(outcome, counted, due):
    agenda, metrics = Agenda(jitter=lambda: 0.0), Metrics()
    queue = KeyedQueue(lambda: 0.0, agenda)
    queue.add("shop/search")
    key = await queue.take()
    await workers.look(key, queue, Looker(outcome), metrics)  # type: ignore[arg-type]
    assert metrics.registry.get_sample_value("tandem_reconciles_total", {"outcome": counted}) == 1
    assert (agenda.next_due() is not None) is due


POD = {"metadata": {"name": "search-serving-x"}}


@table(
    "body accepted",
    [
        ("its own", report("search-serving-x", 3).to_json().encode(), True),
        ("of a pod that had the address before", report("another", 3).to_json().encode(), False),
        ("not a report", b"{}", False),
        ("not even JSON", b"<html>", False),
    ],
)
def test_only_a_pods_own_report_counts(body, accepted):
    assert (reports.read(body, "shop", POD) is not None) is accepted


async def test_pods_are_asked_at_their_address_and_silence_is_no_report(monkeypatch):
    async def statusz(_request: web.Request) -> web.Response:
        return web.Response(text=report("search-serving-x", 3).to_json(), content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/statusz.json", statusz)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setattr(reports, "PORT", runner.addresses[0][1])
    try:
        async with aiohttp.ClientSession() as session:
            asker = reports.DirectReports(session)
            here = {**POD, "status": {"podIP": "127.0.0.1"}}
            away = {**POD, "status": {"podIP": "127.0.0.99"}}
            found = await reports.ask_all(asker, "shop", [here, away, POD])
    finally:
        await runner.cleanup()
    assert [known is not None for known in found] == [True, False, False]


class Leases:
    """One Lease on an API server."""

    def __init__(self) -> None:
        self.found: dict[str, Any] | None = None
        self.version = 0

    async def get(self, *_: object) -> dict[str, Any]:
        if self.found is None:
            raise ObjectGone("no lease")
        return self.found

    async def create(self, _kind: object, _namespace: str, body: dict[str, Any], _manager: str) -> dict[str, Any]:
        if self.found is not None:
            raise Stale("exists")
        return self._keep(body["spec"])

    async def patch(self, _path: str, changes: dict[str, Any], _manager: str) -> dict[str, Any]:
        if changes["metadata"]["resourceVersion"] != str(self.version):
            raise Stale("changed")
        return self._keep(changes["spec"])

    def _keep(self, spec: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.found = {"metadata": {"resourceVersion": str(self.version)}, "spec": spec}
        return self.found


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_one_of_two_leads_until_it_is_silent_for_the_time_of_the_lease():
    server, clock = Leases(), Clock()
    first = Lease(server, Place("ns", "tandem", "first"), clock)  # type: ignore[arg-type]
    second = Lease(server, Place("ns", "tandem", "second"), clock)  # type: ignore[arg-type]
    assert await first._try()
    assert not await second._try()
    for _ in range(5):
        clock.now += 10
        assert await first._try()
        assert not await second._try()
    clock.now += 15.1
    assert await second._try()
    assert not await first._try()


async def test_a_lease_that_is_given_up_is_free_at_once():
    server, clock = Leases(), Clock()
    first = Lease(server, Place("ns", "tandem", "first"), clock)  # type: ignore[arg-type]
    second = Lease(server, Place("ns", "tandem", "second"), clock)  # type: ignore[arg-type]
    await first.acquire()
    await second.release()
    assert not await second._try()
    await first.release()
    assert await second._try()


async def test_probes_and_metrics_answer():
    metrics, ready = Metrics(), asyncio.Event()
    runner = await probes.serve(0, metrics, ready.is_set)
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            assert (await session.get("/livez")).status == 200
            assert (await session.get("/readyz")).status == 503
            ready.set()
            assert (await session.get("/readyz")).status == 200
            assert "tandem_reconciles_total" in await (await session.get("/metrics")).text()
    finally:
        await runner.cleanup()


def test_a_model_that_is_gone_leaves_no_metrics():
    metrics, model = Metrics(), online_model()
    status = last_status(
        {
            "status": {
                "freshness": {"seconds": 41, "target": 120},
                "conditions": [
                    {
                        "type": "Available",
                        "status": "True",
                        "reason": "PodsAnswering",
                        "lastTransitionTime": "2026-11-11T12:00:00Z",
                    }
                ],
            }
        }
    )
    metrics.show(model, status)
    assert b'tandem_freshness_seconds{name="search",namespace="shop"} 41.0' in generate_latest(metrics.registry)
    metrics.forget("shop", "search", ("Available",))
    assert b'name="search"' not in generate_latest(metrics.registry)


def test_what_is_not_known_any_more_is_not_shown():
    metrics, model = Metrics(), online_model()
    lineage = {"serving": {"base": 3, "update": 1}}
    metrics.show(model, last_status({"status": {"freshness": {"seconds": 41, "target": 120}, "lineage": lineage}}))
    labels = {"namespace": "shop", "name": "search"}
    shown = [("tandem_freshness_seconds", 41), ("tandem_serving_base", 3)]
    assert [(name, metrics.registry.get_sample_value(name, labels)) for name, _ in shown] == shown
    metrics.show(model, last_status({"status": {}}))
    assert [metrics.registry.get_sample_value(name, labels) for name, _ in shown] == [None, None]


def test_a_status_that_cannot_be_read_counts_as_none():
    assert last_status({"status": {"phase": "Odd"}}).conditions == ()
