"""One look from end to end, on an API server in memory and a local store."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tandem_operator import observe
from tandem_operator.api import Status
from tandem_operator.apply import Applier
from tandem_operator.errors import ClusterRefused, ClusterUnavailable, ObjectGone, Stale
from tandem_operator.kube import EVENTS, JOBS, MODELS, Kind
from tandem_operator.metrics import Metrics
from tandem_operator.observe import Observer
from tandem_operator.reconcile import Reconciler
from tandem_wire.config import StoreConfig
from tandem_wire.errors import StoreUnavailable
from tandem_wire.store import open_store
from tandem_wire.target import Run, read_target

from tests.operator.builders import IMAGES, condition, merge

BODY: dict[str, Any] = {
    "metadata": {"name": "search", "namespace": "shop", "uid": "model-uid", "generation": 1, "resourceVersion": "1"},
    "spec": {
        "mode": "Promotion",
        "model": {"entrypoint": "shop.models:build"},
        "streams": [{"name": "click", "task": "ctr", "kafka": {"bootstrapServers": "kafka:9092", "topic": "clicks"}}],
        "store": {"s3": {"bucket": "models"}},
    },
}


class Server:
    """An API server in memory: objects by kind and name, and every write that was asked for."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {(MODELS.plural, "search"): BODY}
        self.objects["namespaces", "kube-system"] = {"metadata": {"name": "kube-system", "uid": "cluster-uid"}}
        self.writes: list[str] = []
        self.refuses: dict[str, Exception] = {}

    async def get(self, kind: Kind, _namespace: str | None, name: str) -> dict[str, Any]:
        if (kind.plural, name) not in self.objects:
            raise ObjectGone(name)
        return self.objects[kind.plural, name]

    async def list(self, kind: Kind, _namespace: str | None, _labels: Mapping[str, str]) -> list[dict[str, Any]]:
        return [found for (plural, _), found in self.objects.items() if plural == kind.plural]

    async def apply(self, kind: Kind, _namespace: str, manifest: dict[str, Any], _manager: str) -> dict[str, Any]:
        return self._keep("apply", kind, manifest)

    async def create(self, kind: Kind, _namespace: str, manifest: dict[str, Any], _manager: str) -> dict[str, Any]:
        if (kind.plural, manifest["metadata"]["name"]) in self.objects:
            raise Stale("exists")
        return self._keep("create", kind, manifest)

    async def patch(self, path: str, changes: dict[str, Any], _manager: str) -> dict[str, Any]:
        self.writes.append(f"patch {path.rpartition('/')[2]}")
        body = self.objects[MODELS.plural, "search"]
        status = merge(body.get("status", {}), changes["status"])
        self.objects[MODELS.plural, "search"] = {**body, "status": {k: v for k, v in status.items() if v is not None}}
        return {}

    async def delete(self, kind: Kind, _namespace: str, name: str, uid: str) -> None:
        self.writes.append(f"delete {name} {uid}")
        del self.objects[kind.plural, name]

    def _keep(self, verb: str, kind: Kind, manifest: dict[str, Any]) -> dict[str, Any]:
        name = manifest["metadata"]["name"]
        self.writes.append(f"{verb} {kind.plural} {name if kind is not EVENTS else manifest['reason']}")
        if kind.plural in self.refuses:
            raise self.refuses[kind.plural]
        kept = merge(manifest, {"metadata": {"uid": f"uid-{name}", "generation": 1}})
        self.objects[kind.plural, name] = kept
        return kept

    @property
    def status(self) -> Status:
        return Status.model_validate(self.objects[MODELS.plural, "search"].get("status", {}))

    def condition(self, kind: str) -> tuple[str, str, str]:
        found = condition(self.status, kind)
        return found.status, found.reason, found.message


class Nobody:
    async def ask(self, *_: object) -> None:
        return None


class World:
    """A reconciler with its clock, server and store."""

    def __init__(self, tmp_path, monkeypatch) -> None:
        self.server = Server()
        self.store = open_store(StoreConfig(f"file://{tmp_path}"))
        self.now = datetime(2026, 11, 11, 12, 0, 0, 123456, tzinfo=UTC)
        monkeypatch.setattr(observe, "open_model_store", lambda *_: self.store)
        kube: Any = self.server
        self.reconciler = Reconciler(
            kube=kube,
            observer=Observer(kube, Nobody()),
            applier=Applier(kube),
            images=IMAGES,
            metrics=Metrics(),
            clock=lambda: self.now,
        )

    async def looks(self, count: int) -> list[str]:
        """Look so many times; returns the writes of the last look."""
        for _ in range(count):
            self.server.writes.clear()
            await self.reconciler.reconcile("shop/search")
            self.now += timedelta(seconds=1)
        return self.server.writes


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    return World(tmp_path, monkeypatch)


async def test_a_new_model_comes_to_rest_with_its_children_and_a_first_run(world):
    writes = await world.looks(1)
    assert writes[:2] == ["apply services search-serving", "apply deployments search-serving"]
    assert await world.looks(4) == []
    assert ("jobs", "search-a-0") in world.server.objects
    found = read_target(world.store)
    assert found is not None
    assert found[0].run == Run(None, 0)
    assert world.server.status.cycle is not None


async def test_a_model_that_is_gone_is_forgotten(world):
    del world.server.objects[MODELS.plural, "search"]
    assert (await world.reconciler.reconcile("shop/search")).gone


async def test_a_spec_that_cannot_be_read_is_told_and_nothing_else_is_touched(world):
    world.server.objects[MODELS.plural, "search"] = merge(BODY, {"spec": {"promotion": {"swapEvery": "soon"}}})
    assert await world.looks(1) == ["patch status"]
    truth, reason, message = world.server.condition("Stalled")
    assert (truth, reason) == ("True", "InvalidSpec")
    assert "spec.promotion.swapEvery" in message
    assert await world.looks(1) == []


async def test_what_the_api_server_refuses_is_told_and_tried_again(world):
    world.server.refuses["jobs"] = ClusterRefused("exceeded quota: pods")
    await world.looks(5)
    truth, reason, message = world.server.condition("Stalled")
    assert (truth, reason) == ("True", "ClusterRefused")
    assert "exceeded quota" in message
    world.server.refuses.clear()
    await world.looks(3)
    assert ("jobs", "search-a-0") in world.server.objects
    assert world.server.condition("Stalled")[0] == "False"


async def test_an_api_server_that_is_away_ends_the_look(world):
    world.server.refuses["services"] = ClusterUnavailable("503")
    with pytest.raises(ClusterUnavailable):
        await world.looks(1)


async def test_a_store_that_is_away_is_told_and_nothing_is_concluded(world, monkeypatch):
    await world.looks(4)
    before = world.server.status

    def away(_key: str) -> None:
        raise StoreUnavailable("no answer within 5 s")

    monkeypatch.setattr(world.store, "get", away)
    await world.looks(1)
    assert world.server.condition("StoreReady")[:2] == ("False", "StoreUnavailable")
    assert world.server.status.cycle == before.cycle
    monkeypatch.undo()


async def test_an_event_is_shown_once(world):
    world.server.objects[MODELS.plural, "search"] = merge(BODY, {"spec": {"bootstrap": {"from": "s3://models/a/b"}}})
    await world.looks(5)
    events = [name for plural, name in world.server.objects if plural == "events"]
    assert len(events) == 1


async def test_deadlines_begin_anew_after_the_store_was_away(world, monkeypatch):
    await world.looks(2)
    began = world.reconciler._known["shop/search"].memory.watching_since
    monkeypatch.setattr(world.store, "get", lambda _key: (_ for _ in ()).throw(StoreUnavailable("away")))
    await world.looks(1)
    assert world.reconciler._known["shop/search"].memory.watching_since > began


def test_kinds_have_their_paths():
    assert JOBS.path("shop", "a", "status") == "/apis/batch/v1/namespaces/shop/jobs/a/status"
    assert EVENTS.path("shop") == "/api/v1/namespaces/shop/events"
