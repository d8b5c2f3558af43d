"""Pods without a node: a stand-in for kubelet, trainers and servers on a real API server and a real store.

No image is pulled and nothing is scheduled (the pods ask for a node that is not there): the stand-in writes what a
kubelet would write into the pods' status, and does in threads what trainers and servers would do in the store, as
little of it as the operator looks at.
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kubernetes import client
from tandem_operator.api import LABEL_MODEL, LABEL_ROLE
from tandem_wire.bases import BaseDraft, put_base, read_base
from tandem_wire.config import Role, TrainerConfig
from tandem_wire.errors import Conflict, WireError
from tandem_wire.layout import LogId, new_uid
from tandem_wire.log import LogWriter, list_slots
from tandem_wire.objects import put_objects
from tandem_wire.records import Draft, Kind, Part, Window
from tandem_wire.report import Fault, PodReport, Refusal, ServingReport, Termination
from tandem_wire.store import Store
from tandem_wire.target import read_target

NOWHERE = {"tandem.dev/hollow": "true"}
"""A node selector that no node fulfils."""
TICK = 0.2


def windows(now: datetime, count: int, auc: float) -> tuple[Window, ...]:
    """Evaluate the last seconds, one window each."""
    starts = (now - timedelta(seconds=n + 1) for n in range(count))
    return tuple(Window("ctr", start, start + timedelta(seconds=1), 1000, 300, auc, 0.4, 0.3) for start in starts)


def timestamp(instant: datetime | None = None) -> str:
    return (instant or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Trainer(threading.Thread):
    """What a trainer would do to the store."""

    def __init__(self, store: Store, config: TrainerConfig, kubelet: "Kubelet") -> None:
        super().__init__(daemon=True)
        self.store, self.config, self.kubelet = store, config, kubelet
        self.ended = threading.Event()
        self.code: int | None = None
        self.said = ""

    def run(self) -> None:
        if self.config.entrypoint == self.kubelet.unknown:
            message = f"there is no {self.config.entrypoint}: correct spec.model.entrypoint."
            self.said = Termination(Fault.USER, "UnknownEntrypoint", message).to_json()
            self.code = 2
            return
        try:
            (self._a if self.config.role is Role.A else self._b)()
            self.code = 0
        except WireError as error:
            self.said, self.code = Termination.of(error).to_json(), Termination.of(error).exit_code

    def _a(self) -> None:
        LogWriter(self.store, self.config.model, LogId.runs(self.config.number), uid=new_uid()).claim()
        while not self.ended.wait(TICK):
            found = read_target(self.store)
            run = found[0].run if found is not None else None
            if run is not None and run.makes == self.config.number and run.cut is not None:
                return self._base()
        return None

    def _base(self) -> None:
        uid, number = new_uid(), self.config.number
        data = {(Part.SERVING, "model.json"): b"{}", (Part.SERVING, "dense.graph.pb"): b"graph"}
        now = datetime.now(UTC).replace(microsecond=0)
        contract = {
            "entrypoint": self.config.entrypoint,
            "config": dict(self.config.config),
            "freezing": list(self.config.freezing),
            "streams": [stream.to_value() for stream in self.config.streams],
            "training": self.config.training.to_value(),
            "tables": [],
        }
        with contextlib.suppress(Conflict):
            put_base(
                self.store,
                BaseDraft(
                    model=self.config.model,
                    number=number,
                    uid=uid,
                    parent=self.config.parent,
                    due=self.config.due,
                    positions={},
                    watermark=now,
                    step=number,
                    objects=put_objects(self.store, uid, f"c{number}", data),
                    contract=contract,
                    windows=windows(now, 30, self.kubelet.auc),
                ),
            )

    def _b(self) -> None:
        number = self.config.number
        base = read_base(self.store, number, self.config.model)
        writer = LogWriter(self.store, self.config.model, LogId.updates(number), uid=new_uid())
        writer.claim()
        while not self.ended.wait(self.config.swift.interval_seconds):
            now = datetime.now(UTC).replace(microsecond=0)
            writer.append(Draft(kind=Kind.KEYFRAME, base=base.digest, watermark=now, windows=windows(now, 2, 0.7)))


class Server:
    """What a serving pod would report."""

    def __init__(self, store: Store, model: str, pod: str, address: str) -> None:
        self.store, self.model, self.pod = store, model, pod
        self.refused: tuple[Refusal, ...] = ()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = outer.report().to_json().encode()
                with contextlib.suppress(BrokenPipeError):  # an operator that was killed does not wait for its answer
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        ThreadingHTTPServer.allow_reuse_address = True
        self.http = ThreadingHTTPServer((address, 8080), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def report(self) -> PodReport:
        serving = None
        try:
            found = read_target(self.store)
            base = found[0].base_for(self.pod) if found is not None else None
            if base is not None:
                slots = list_slots(self.store, LogId.updates(base))
                now = datetime.now(UTC)
                serving = ServingReport(base, slots[-1] if slots else 0, now - timedelta(seconds=1), now)
        except WireError:
            found = None
        return PodReport(
            model=self.model,
            pod=self.pod,
            ready=serving is not None,
            serving=serving,
            loaded=(),
            candidate=None,
            target=found[0].revision if found is not None else None,
            refused=self.refused,
            store_seen_at=datetime.now(UTC),
            answers=0,
            errors=0,
        )


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
ADDRESSES = (f"127.0.{77 + WORKER}.{n}" for n in range(1, 250))
"""One for each pod of the whole session, of this process alone."""


class Kubelet(threading.Thread):
    """Runs the pods of one namespace, in our way."""

    def __init__(self, core: client.CoreV1Api, namespace: str, stores: Mapping[str, Store]) -> None:
        super().__init__(daemon=True)
        self.core, self.namespace, self.stores = core, namespace, stores
        self.stopped = threading.Event()
        self.trainers: dict[str, Trainer] = {}
        self.servers: dict[str, Server] = {}
        self.auc = 0.7
        """What Model A measures; Model B measures 0.7."""
        self.unknown = ""
        """An entrypoint that trainers do not find."""

    def run(self) -> None:
        while not self.stopped.wait(TICK):
            try:
                self._tick()
            except client.exceptions.ApiException as error:
                if error.status not in (404, 409):
                    raise

    def refuse(self, record: str) -> None:
        """Let every pod say that it cannot read a record."""
        for server in self.servers.values():
            server.refused = (*server.refused, Refusal(record, "digest differs", datetime.now(UTC)))

    def close(self) -> None:
        """End what still runs."""
        for trainer in self.trainers.values():
            trainer.ended.set()
        for server in self.servers.values():
            server.close()

    def _tick(self) -> None:
        pods = self.core.list_namespaced_pod(self.namespace).items
        there = {pod.metadata.uid for pod in pods}
        for uid in set(self.trainers) - there:
            self.trainers.pop(uid).ended.set()
        for uid in set(self.servers) - there:
            self.servers.pop(uid).close()
        for pod in pods:
            uid, role = pod.metadata.uid, pod.metadata.labels.get(LABEL_ROLE)
            if pod.status.phase == "Pending" and uid not in self.trainers and uid not in self.servers:
                self._start(pod, role)
            elif uid in self.trainers and self.trainers[uid].code is not None and pod.status.phase == "Running":
                self._end(pod, self.trainers[uid])

    def _start(self, pod: Any, role: str) -> None:
        model = pod.metadata.labels[LABEL_MODEL]
        store = self.stores[model]
        address = "127.0.77.255"
        if role == "serving":
            address = next(ADDRESSES)
            self.servers[pod.metadata.uid] = Server(store, f"{self.namespace}/{model}", pod.metadata.name, address)
        else:
            env = {item.name: item.value for item in pod.spec.containers[0].env}
            trainer = Trainer(store, TrainerConfig.from_json(env[TrainerConfig.VARIABLE]), self)
            self.trainers[pod.metadata.uid] = trainer
            trainer.start()
        state = {"running": {"startedAt": timestamp()}}
        self._status(pod, "Running", state, address)

    def _end(self, pod: Any, trainer: Trainer) -> None:
        ended = {"exitCode": trainer.code, "reason": "Ended", "message": trainer.said}
        ended |= {"startedAt": timestamp(pod.metadata.creation_timestamp), "finishedAt": timestamp()}
        self._status(pod, "Succeeded" if trainer.code == 0 else "Failed", {"terminated": ended}, None)

    def _status(self, pod: Any, phase: str, state: dict[str, Any], address: str | None) -> None:
        running = phase == "Running"
        container = pod.spec.containers[0]
        true = "True" if running else "False"
        status: dict[str, Any] = {
            "phase": phase,
            "conditions": [
                {"type": "PodScheduled", "status": "True", "reason": "Hollow", "message": ""},
                {"type": "Ready", "status": true, "lastTransitionTime": timestamp()},
                {"type": "ContainersReady", "status": true, "lastTransitionTime": timestamp()},
            ],
            "containerStatuses": [
                {
                    "name": container.name,
                    "image": container.image,
                    "imageID": "hollow",
                    "ready": running,
                    "started": running,
                    "restartCount": 0,
                    "state": state,
                }
            ],
        }
        if address is not None:
            status |= {"podIP": address, "podIPs": [{"ip": address}], "startTime": timestamp()}
        self.core.patch_namespaced_pod_status(pod.metadata.name, self.namespace, {"status": status})


@contextlib.contextmanager
def namespace(core: client.CoreV1Api, name: str) -> Iterator[str]:
    """A namespace for as long as the block lasts."""
    body = {"metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    core.create_namespace(body)
    try:
        yield name
    finally:
        core.delete_namespace(name)


def as_json(value: object) -> str:
    """Show a value to a person."""
    return json.dumps(value, indent=1, default=str)
