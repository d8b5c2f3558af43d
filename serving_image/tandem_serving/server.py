"""Puts the parts together and runs them until told to stop."""

import asyncio
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiohttp import web
from tandem_wire.config import ServerConfig
from tandem_wire.errors import WireError
from tandem_wire.store import Store

from tandem_serving.control import Control, Settings, utc_now
from tandem_serving.grpc_front import GrpcFront
from tandem_serving.limits import Limits
from tandem_serving.metrics import Metrics
from tandem_serving.predict import Service
from tandem_serving.publish import Publisher
from tandem_serving.rest_front import RestFront
from tandem_serving.status import Status

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shutdown:
    """How a server ends.

    Args:
      lag_seconds: between readiness going off and the door being shut, so that load balancers have noticed.
      grace_seconds: for requests that run.
    """

    lag_seconds: float = 3.0
    grace_seconds: float = 20.0


class Server:
    """One serving pod.

    Args:
      config: what the operator asked for.
      pod: this pod's own name.
      store: the model's store.
      shutdown: how to end.
      now: the wall clock.
    """

    def __init__(
        self,
        config: ServerConfig,
        pod: str,
        store: Store,
        shutdown: Shutdown = Shutdown(),
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        limits = Limits()
        self.metrics = Metrics()
        self.publisher = Publisher(limits.versions)
        self.control = Control(
            Settings(config.model, pod, config.batch_sizes, config.poll_seconds),
            store,
            self.publisher,
            self.metrics,
            now,
        )
        service = Service(config.served_name, self.publisher, limits, self.metrics)
        self._config = config
        self._shutdown = shutdown
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="control", daemon=True)
        self._ended: asyncio.Event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.grpc = GrpcFront(service, lambda: self.control.loading, config.grpc_port)
        self.rest = RestFront(service, lambda: self.control.loading)
        self.status = Status(
            config.model,
            pod,
            self.publisher,
            self.metrics,
            lambda: self.control.view,
            self.ready,
            self._thread.is_alive,
            now,
        )
        self.ports: dict[str, int] = {}
        self._runners: list[web.AppRunner] = []
        self.metrics.setting.info(
            {"model": config.model, "engine": "tensorflow-session", "cuda_graph": _cuda_graph(config)}
        )

    def ready(self) -> bool:
        """Whether requests shall come here."""
        return self.publisher.current is not None and not self._closing.is_set()

    async def start(self) -> None:
        """Open the ports and begin to follow the store."""
        self._loop = asyncio.get_running_loop()
        self.ports["status"] = await self._listen(self.status.application(), self._config.status_port)
        self.ports["rest"] = await self._listen(self.rest.application(), self._config.rest_port)
        self.ports["grpc"] = self.grpc.port
        self.publisher.on_first = lambda: self.grpc.set_ready(ready=True)
        self.grpc.start()
        self._thread.start()
        _log.info("serving", model=self._config.model, **self.ports)

    async def wait(self) -> WireError | None:
        """Wait until told to stop, or until the user's error keeps this pod from ever answering; return that."""
        await self._ended.wait()
        return self.control.fatal

    def end(self) -> None:
        """Stop waiting; call from the event loop."""
        self._ended.set()

    async def stop(self) -> None:
        """Take readiness off, let requests that run finish, close."""
        self._closing.set()
        self.control.wake()
        self.grpc.set_ready(ready=False)
        _log.info("shutting down")
        if self.publisher.current is not None:
            await asyncio.sleep(self._shutdown.lag_seconds)
        await asyncio.to_thread(self.grpc.stop, self._shutdown.grace_seconds)
        for runner in reversed(self._runners):
            await runner.cleanup()
        self.rest.close()
        await asyncio.to_thread(self._thread.join, self._shutdown.lag_seconds)
        _log.info("ended", answers=self.metrics.counts[0], errors=self.metrics.counts[1])

    async def _listen(self, app: web.Application, port: int) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=self._shutdown.grace_seconds)
        await runner.setup()
        door = _door(port)
        await web.SockSite(runner, door).start()
        self._runners.append(runner)
        return int(door.getsockname()[1])

    def _follow(self) -> None:
        self.control.run(self._closing)
        if self._loop is not None and self.control.fatal is not None:
            self._loop.call_soon_threadsafe(self._ended.set)


def _door(port: int) -> socket.socket:
    """A listening socket for IPv4 and, where the machine has it, IPv6; port 0 takes a free one."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _cuda_graph(config: ServerConfig) -> str:
    if not config.cuda_graph:
        return "off"
    _log.warning("a CUDA graph was asked for; this image computes on the CPU and goes on without one")
    return "unavailable"
