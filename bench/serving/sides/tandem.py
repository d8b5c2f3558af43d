"""Ours, as a pod starts it: ``python -m tandem_serving`` over a store in files, which starts the engine."""

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from tandem_wire.config import ServerConfig, StoreConfig

from bench.serving.container import Container
from bench.serving.lineage import MODEL_NAME
from bench.serving.messages import SERVED
from bench.serving.sides.server import Server
from tests import compiled


@dataclass(frozen=True, slots=True)
class Pod:
    """How a pod is started.

    Args:
      store: the model's folder.
      folder: what it keeps, and its log.
      flags: of the engine, more than Python gives it.
      poll_seconds: how often it looks at the store.
      inside: what its memory is counted by.
    """

    store: Path
    folder: Path
    flags: Sequence[str] = ()
    poll_seconds: float = 0.1
    inside: Container | None = None


class Tandem(Server):
    """A pod that runs; ready when made."""

    def __init__(self, pod: Pod) -> None:
        pod.folder.mkdir(parents=True, exist_ok=True)
        config = ServerConfig(
            model=MODEL_NAME,
            served_name=SERVED,
            store=StoreConfig(f"file://{pod.store}"),
            poll_seconds=pod.poll_seconds,
            grpc_port=0,
            rest_port=0,
            status_port=0,
        )
        environment = os.environ | {
            ServerConfig.VARIABLE: config.to_json(),
            "POD_NAME": "bench",
            "TANDEM_ENGINE": str(_engine(pod)),
            "TANDEM_SERVING_CACHE": str(pod.folder / "cache"),
            "TANDEM_TERMINATION_LOG": str(pod.folder / "termination"),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "CUDA_VISIBLE_DEVICES": "",
        }
        enter = [] if pod.inside is None else pod.inside.enter()
        command = [*enter, sys.executable, "-m", "tandem_serving"]
        super().__init__("tandem", command, environment, pod.folder / "log")
        if pod.inside is not None:
            pod.inside.processes = self.processes
        try:
            self.until(lambda: self._ports() is not None)
            ports = self._ports() or {}
            self.port, self._status_port = int(ports["grpc"]), int(ports["status"])
            self.until(self._ready)
        except BaseException:
            self.close()
            raise

    def metrics(self) -> str:
        """Its metrics, as Prometheus reads them."""
        with urlopen(f"http://127.0.0.1:{self._status_port}/metrics", timeout=10) as page:
            text: str = page.read().decode()
        return text

    def newest(self) -> int:
        """The update that it answers from."""
        found = re.search(r"^tandem_serving_update (\S+)$", self.metrics(), re.MULTILINE)
        return -1 if found is None else round(float(found[1]))

    def processes(self) -> tuple[int, ...]:
        """Its own and its children's numbers: what a pod's container holds."""
        own = self.process.pid
        return (own, *_children(own))

    def published(self, base: int) -> int:
        """How many versions of a base it has answered from so far."""
        return sum(told["version"].startswith(f"{base}.") for told in self.said("a version is published"))

    def said(self, event: str) -> Iterator[dict[str, Any]]:
        """The lines of its log about an event."""
        for line in self.log.read_text().splitlines():
            if line.startswith("{") and f'"{event}"' in line:
                yield json.loads(line)

    def _ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self._status_port}/readyz", timeout=10):
                return True
        except HTTPError:
            return False

    def _ports(self) -> dict[str, Any] | None:
        return next(self.said("serving"), None)


def _engine(pod: Pod) -> Path:
    """The engine; with flags of its own behind a script that adds them."""
    program = compiled.engine()
    if not pod.flags:
        return program
    script = pod.folder / "tandem-engine"
    script.write_text(f'#!/bin/sh\nexec "{program}" "$@" {" ".join(pod.flags)}\n')
    script.chmod(0o755)
    return script


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from _children(int(child))
