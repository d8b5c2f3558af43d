"""The operator as a process, on a real API server and a real S3 server; pods, trainers and servers are hollow."""

import contextlib
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes import client
from tandem_wire.bases import read_base
from tandem_wire.config import StoreConfig
from tandem_wire.layout import LogId
from tandem_wire.log import list_slots
from tandem_wire.store import Store, open_store
from tandem_wire.target import Target, read_target

from tests.operator import envtest, hollow
from tests.operator.builders import merge
from tests.wire import seaweed

pytestmark = [
    pytest.mark.slow,
    # One API server for all of them where tests are spread over processes (--dist loadgroup).
    pytest.mark.xdist_group("api-server"),
    pytest.mark.skipif(bool(envtest.MISSING), reason=f"not built: {', '.join(envtest.MISSING)} (make cluster)"),
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]
PATIENCE = 60.0
GROUP = ("tandem.dev", "v1alpha1")


@dataclass
class Lab:
    """A namespace with a bucket, a hollow kubelet and an operator that may be killed."""

    cluster: envtest.Cluster
    s3: seaweed.Server
    namespace: str
    folder: Path
    kubelet: hollow.Kubelet
    operator: subprocess.Popen[bytes] | None = None
    stores: dict[str, Store] = field(default_factory=dict)

    @property
    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(self.cluster.api)

    @property
    def custom(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(self.cluster.api)

    def start(self) -> None:
        env = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "TANDEM_WATCH_NAMESPACES": self.namespace}
        env |= {"TANDEM_HTTP_PORT": str(envtest.free_port()), "TANDEM_WORKERS": "2", "PYTHONWARNINGS": "ignore"}
        for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            env.pop(key, None)
        command = [sys.executable, "-m", "tandem_operator"]
        with (self.folder / "operator.log").open("ab") as output:
            self.operator = subprocess.Popen(command, env=env, stdout=output, stderr=output)

    def kill(self) -> None:
        assert self.operator is not None
        self.operator.kill()
        self.operator.wait()

    def end(self) -> int:
        assert self.operator is not None
        self.operator.terminate()
        return self.operator.wait(30)

    def secret(self) -> None:
        keys = {"AWS_ACCESS_KEY_ID": seaweed.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": seaweed.SECRET_KEY}
        self.core.create_namespaced_secret(self.namespace, {"metadata": {"name": "s3"}, "stringData": keys})

    def create(self, name: str = "search", **changes: Any) -> Store:
        nowhere = {"template": {"nodeSelector": hollow.NOWHERE}}
        spec = {
            "mode": "Promotion",
            "model": {"entrypoint": "shop.models:build"},
            "streams": [{"name": "click", "task": "ctr", "segments": {"prefix": "s3://models/clicks"}}],
            "store": {"s3": {"bucket": "models", "endpoint": self.s3.endpoint, "credentialsSecret": "s3"}},
            "bootstrap": {"duration": "1s"},
            "swift": {"interval": "1s"},
            "promotion": {"swapEvery": "5s"},
            "rollout": {"progressDeadline": "60s", "gates": {"auc": {}}},
            "training": nowhere,
            "serving": {"replicas": 2, **nowhere},
        }
        body = {
            "apiVersion": "/".join(GROUP),
            "kind": "OnlineModel",
            "metadata": {"name": name},
            "spec": merge(spec, changes),
        }
        store = open_store(StoreConfig(f"s3://models/{self.namespace}/{name}", self.s3.endpoint))
        self.stores[name] = store
        self.custom.create_namespaced_custom_object(*GROUP, self.namespace, "onlinemodels", body)
        return store

    def patch(self, spec: dict[str, Any], name: str = "search") -> None:
        self.custom.patch_namespaced_custom_object(*GROUP, self.namespace, "onlinemodels", name, {"spec": spec})

    def status(self, name: str = "search") -> dict[str, Any]:
        found = self.custom.get_namespaced_custom_object(*GROUP, self.namespace, "onlinemodels", name)
        status: dict[str, Any] = found.get("status", {})
        return status

    def condition(self, kind: str) -> tuple[str, str, str]:
        for known in self.status().get("conditions", ()):
            if known["type"] == kind:
                return known["status"], known["reason"], known["message"]
        return "Unknown", "", ""

    def jobs(self) -> dict[str, Any]:
        found = client.BatchV1Api(self.cluster.api).list_namespaced_job(self.namespace).items
        return {job.metadata.name: job for job in found}

    def until(self, what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait until something is so; what the operator last said is in the failure."""
        pause, last = threading.Event(), None
        for _ in range(int(seconds / 0.2)):
            try:
                last = what()
            except (client.exceptions.ApiException, urllib3.exceptions.HTTPError) as error:
                last = error
            if last and not isinstance(last, Exception):
                return last
            pause.wait(0.2)
        log = (self.folder / "operator.log").read_text()[-3000:]
        raise AssertionError(f"not so after {seconds} s; last: {last!r}\n{hollow.as_json(self.status())}\n{log}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        with envtest.serve(tmp_path_factory.mktemp("envtest")) as running:
            yield running


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with seaweed.serve(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("models")
        yield server


@pytest.fixture
def lab(request, cluster, s3, tmp_path, monkeypatch) -> Iterator[Lab]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweed.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweed.SECRET_KEY)
    core = client.CoreV1Api(cluster.api)
    name = f"t{abs(hash(request.node.name)) % 10**8}"
    with hollow.namespace(core, name):
        stores: dict[str, Store] = {}
        kubelet = hollow.Kubelet(core, name, stores)
        kubelet.start()
        here = Lab(cluster, s3, name, tmp_path, kubelet, stores=stores)
        here.start()
        try:
            yield here
        finally:
            with contextlib.suppress(ProcessLookupError):
                here.kill()
            kubelet.stopped.set()
            kubelet.join(10)
            kubelet.close()


def target_of(store: Store) -> Target:
    found = read_target(store)
    assert found is not None
    return found[0]


def stable(store: Store) -> int:
    found = read_target(store)
    return -1 if found is None or found[0].stable is None else found[0].stable


@pytest.mark.parametrize("handoff", ["Overlap", "Pause"])
def test_a_model_bootstraps_promotes_and_changes_to_daily_while_it_serves(lab, handoff):
    lab.secret()
    store = lab.create(promotion={"swapEvery": "5s", "handoff": handoff})
    lab.until(lambda: stable(store) >= 1, 120)
    apps = client.AppsV1Api(lab.cluster.api)
    before = apps.read_namespaced_deployment("search-serving", lab.namespace)
    lab.patch({"mode": "Daily"})
    lab.until(lambda: lab.status().get("mode") == "Daily")
    lab.until(lambda: lab.status()["cycle"]["state"] == "Streaming" and stable(store) >= 1)
    after = apps.read_namespaced_deployment("search-serving", lab.namespace)
    assert after.metadata.generation == before.metadata.generation
    how = {entry.how for entry in target_of(store).history}
    assert how <= {"Bootstrap", "Promotion", "Daily"}
    assert lab.condition("Available")[0] == "True"
    assert lab.condition("Stalled")[0] == "False"
    assert lab.end() == 0


def test_a_daily_run_starts_when_it_is_due(lab):
    lab.secret()
    store = lab.create(mode="Daily", daily={"at": "00:00"})
    lab.until(lambda: stable(store) == 0)
    lab.until(lambda: lab.status()["cycle"]["state"] == "Streaming" and "search-b-0" in lab.jobs())
    assert "search-a-1" not in lab.jobs()
    soon = datetime.now(UTC) + timedelta(seconds=5)
    lab.patch({"daily": {"at": soon.strftime("%H:%M:%S")}})
    lab.until(lambda: stable(store) == 1)
    newest = target_of(store).history[-1]
    assert (newest.base, newest.how) == (1, "Daily")
    assert read_base(store, 1).due == soon.replace(microsecond=0)


def test_a_users_error_of_a_trainer_is_told_and_mended_by_editing(lab):
    lab.secret()
    lab.kubelet.unknown = "no.such:entrypoint"
    store = lab.create(model={"entrypoint": "no.such:entrypoint"})
    lab.until(lambda: lab.condition("Stalled")[:2] == ("True", "UnknownEntrypoint"))
    assert "spec.model.entrypoint" in lab.condition("Stalled")[2]
    lab.patch({"model": {"entrypoint": "shop.models:build"}})
    lab.until(lambda: stable(store) == 0)
    lab.until(lambda: lab.condition("Stalled")[0] == "False", 90)


def test_a_worse_candidate_is_refused_and_a_better_one_taken(lab):
    lab.secret()
    store = lab.create()
    lab.until(lambda: stable(store) == 0)
    lab.kubelet.auc = 0.5
    lab.until(lambda: target_of(store).refused)
    refused = max(target_of(store).refused)
    assert target_of(store).refused[refused].startswith("gate auc.ctr: 0.5")
    lab.kubelet.auc = 0.7
    lab.until(lambda: stable(store) > refused, 120)
    assert refused not in {entry.base for entry in target_of(store).history}
    assert any(known["base"] == refused for known in lab.status()["refused"])


def test_a_slot_that_pods_cannot_read_makes_b_anew_once(lab):
    lab.secret()
    store = lab.create(mode="Daily")
    lab.until(lambda: stable(store) == 0 and "search-b-0" in lab.jobs())
    lab.until(lambda: len(list_slots(store, LogId.updates(0))) > 3)
    before = lab.jobs()["search-b-0"].metadata.uid
    lab.kubelet.refuse("updates/0/3")
    # One look at the Jobs a time: between two it may be deleted, before it is there anew.
    lab.until(lambda: any(job.metadata.uid != before for name, job in lab.jobs().items() if name == "search-b-0"))
    lab.until(lambda: [known["record"] for known in lab.status()["refusedUpdates"]] == ["updates/0/3"])
    anew = lab.jobs()["search-b-0"].metadata.uid
    slots = len(list_slots(store, LogId.updates(0)))
    lab.until(lambda: len(list_slots(store, LogId.updates(0))) > slots + 5)
    assert lab.jobs()["search-b-0"].metadata.uid == anew


def test_a_person_rolls_back_and_goes_on(lab):
    lab.secret()
    store = lab.create()
    lab.until(lambda: stable(store) >= 1, 90)
    newest = stable(store)
    lab.patch({"rollout": {"base": 0}})
    lab.until(lambda: stable(store) == 0)
    assert target_of(store).refused[newest].startswith("RolledBack")
    lab.until(lambda: lab.status()["lineage"]["serving"]["base"] == 0)
    lab.patch({"rollout": {"base": None}})
    lab.until(lambda: stable(store) > newest, 120)


def test_deletion_with_policy_delete_leaves_nothing_in_the_store(lab):
    lab.secret()
    store = lab.create(store={"deletionPolicy": "Delete"})
    lab.until(lambda: stable(store) == 0)
    lab.custom.delete_namespaced_custom_object(*GROUP, lab.namespace, "onlinemodels", "search")

    def gone() -> bool:
        found = lab.custom.list_namespaced_custom_object(*GROUP, lab.namespace, "onlinemodels")["items"]
        return not found and not list(store.list(""))

    lab.until(gone, 90)
