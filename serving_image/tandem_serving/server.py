"""Puts the parts together and runs them until told to stop."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiohttp import web
from tandem_wire.config import ServerConfig
from tandem_wire.errors import WireError
from tandem_wire.store import Store

from tandem_serving.background import give_way
from tandem_serving.cache import Cache, CacheOptions
from tandem_serving.clocks import Clocks, utc_now
from tandem_serving.control import Control, Settings
from tandem_serving.descriptors import descriptors
from tandem_serving.engine import Engine, EngineOptions
from tandem_serving.errors import EngineGone
from tandem_serving.forward import Forward
from tandem_serving.graph.state import asked
from tandem_serving.limits import Limits
from tandem_serving.line import Origin
from tandem_serving.metrics import Metrics
from tandem_serving.publish import Publisher
from tandem_serving.rest_front import RestFront, Service
from tandem_serving.status import Status, counts

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs.

    Args:
      pod: this pod's own name.
      store: the model's store.
      cache: where objects of bases are kept.
    """

    pod: str
    store: Store
    cache: CacheOptions


class Server:
    """One serving pod. The engine runs from here on; ``stop`` ends it.

    Args:
      config: what the operator asked for.
      place: where it runs.
      shutdown: how to end.
      now: the wall clock.

    Raises:
      ConfigError: batch sizes or XLA's flags are not what the engine takes.
      EngineGone: the engine can't be started.
    """

    def __init__(
        self, config: ServerConfig, place: Place, shutdown: Shutdown = Shutdown(), now: Callable[[], datetime] = utc_now
    ) -> None:
        limits = Limits()
        graph = asked(config, os.environ)
        self.metrics = Metrics()
        self.engine = Engine(
            EngineOptions(
                model=config.served_name,
                port=config.grpc_port,
                batch_sizes=config.batch_sizes,
                request_rows=limits.rows,
                message_bytes=limits.message_bytes,
                descriptors=descriptors(),
                graph=graph.device,
                environment=graph.environment,
            )
        )
        self.publisher = Publisher(self.engine)
        cache = Cache(place.cache, self.metrics.unkept.inc)
        origin = Origin(place.store, cache, config.model, config.call_graph, graph.exclude)
        settings = Settings(place.pod, config.poll_seconds)
        self.control = Control(settings, origin, self.publisher, self.metrics, Clocks(now))
        self._forward = Forward(self.engine.address, limits.message_bytes)
        self._config = config
        self._shutdown = shutdown
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="control", daemon=True)
        self._ended: asyncio.Event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.rest = RestFront(Service(config.served_name, self._forward, self.publisher, limits, self.metrics))
        self.status = Status(
            config.model,
            place.pod,
            self.engine,
            self.metrics,
            lambda: self.control.view,
            self.ready,
            self.alive,
            now,
        )
        self.ports: dict[str, int] = {}
        self._runners: list[web.AppRunner] = []
        self.metrics.joined.engine = lambda: self.engine.stats().text
        self.metrics.setting.info(
            {
                "model": config.model,
                "engine": "tandem-engine",
                "cuda_graph": "asked" if config.cuda_graph else "off",
                "call_graph": _call_graph(config),
            }
        )

    def ready(self) -> bool:
        """Whether requests shall come here."""
        return self.control.view.serving is not None and not self._closing.is_set() and self.engine.alive()

    def alive(self) -> bool:
        """Whether it can go on: the store is followed, and the engine runs."""
        return self._thread.is_alive() and self.engine.alive()

    @property
    def counts(self) -> tuple[int, int]:
        """Answers, and errors of this server's own, since the start."""
        return counts(self.engine.stats(), self.metrics)

    async def start(self) -> None:
        """Open the ports and begin to follow the store.

        Raises:
          EngineGone: the engine ended, for instance since the port of gRPC is taken; its log line says why.
        """
        self._loop = asyncio.get_running_loop()
        self.engine.on_end = self._wake
        self.ports["status"] = await self._listen(self.status.application(), self._config.status_port)
        self.ports["rest"] = await self._listen(self.rest.application(), self._config.rest_port)
        self.ports["grpc"] = await asyncio.to_thread(self.engine.port)
        self.control.on_first = lambda: self.engine.set_ready(ready=True)
        self._thread.start()
        _log.info("serving", model=self._config.model, **self.ports)

    async def wait(self) -> WireError | EngineGone | None:
        """Wait until told to stop, or until this pod can never answer; return why that is."""
        await self._ended.wait()
        if self.control.fatal is None and not self.engine.alive():
            return EngineGone("tandem-engine ended; its last lines in the log say why, and the pod starts again")
        return self.control.fatal

    def end(self) -> None:
        """Stop waiting; call from the event loop."""
        self._ended.set()

    async def stop(self) -> None:
        """Take readiness off, let requests that run finish, close."""
        self._closing.set()
        self.control.wake()
        _log.info("shutting down")
        answers = errors = 0
        pages, others = self._runners[:1], self._runners[1:]
        try:
            await asyncio.to_thread(self.engine.set_ready, ready=False)
            if self.publisher.current is not None:
                await asyncio.sleep(self._shutdown.lag_seconds)
            until = time.monotonic() + self._shutdown.grace_seconds
            for runner in others:  # what REST passed on is answered before the engine is told to end
                await runner.cleanup()
            answers, errors = await asyncio.to_thread(lambda: self.counts)
            await asyncio.to_thread(self.engine.drain, max(1.0, until - time.monotonic()))
        except EngineGone as error:
            _log.warning("the engine was gone before it was told to end", reason=str(error))
            for runner in others:
                await runner.cleanup()
        await asyncio.to_thread(self.engine.close)
        for runner in pages:
            await runner.cleanup()
        self.rest.close()
        self._forward.close()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, self._shutdown.lag_seconds)
        _log.info("ended", answers=answers, errors=errors)

    async def _listen(self, app: web.Application, port: int) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=self._shutdown.grace_seconds)
        await runner.setup()
        door = _door(port)
        await web.SockSite(runner, door).start()
        self._runners.append(runner)
        return int(door.getsockname()[1])

    def _follow(self) -> None:
        give_way()
        self.control.run(self._closing)
        if self.control.fatal is not None:
            self._wake()

    def _wake(self) -> None:
        """End waiting, from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)


def _door(port: int) -> socket.socket:
    """A listening socket for IPv4 and, where the machine has it, IPv6; port 0 takes a free one."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _call_graph(config: ServerConfig) -> str:
    """Say when what hangs on weights only is computed, and log what is not with each version."""
    if config.call_graph is None:
        return "version"
    _log.warning(
        "answers mix new weights with older results, as serving.callGraph asks", **config.call_graph.to_value()
    )
    return "intervals"
