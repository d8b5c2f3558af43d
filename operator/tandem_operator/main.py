"""Wires the operator together and runs it: watch (kopf) → queue → workers → reconcile."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import structlog

from tandem_operator import handlers, logs, probes
from tandem_operator.apply import Applier
from tandem_operator.errors import ClusterUnavailable, ObjectGone
from tandem_operator.kube import MODELS, Kube
from tandem_operator.lease import Lease
from tandem_operator.metrics import Metrics
from tandem_operator.observe import Observer
from tandem_operator.queue import KeyedQueue
from tandem_operator.reconcile import Reconciler
from tandem_operator.reports import DirectReports, ProxyReports, Reports
from tandem_operator.settings import Settings
from tandem_operator.workers import work

log = structlog.get_logger()

LOOK_FOR_CRD_SECONDS = 2.0


def main() -> int:
    """Run until told to end; exit code 1 when the lease was lost or a part of the operator ended by itself."""
    settings = Settings.of(os.environ)
    logs.configure(settings.log_level)
    return asyncio.run(run(settings))


async def run(settings: Settings) -> int:
    """Run the operator in this event loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = Metrics()
    ready = threading.Event()
    kube = await Kube.connect()
    runner = await probes.serve(settings.port, metrics, lambda: ready.is_set() or settings.lease is not None)
    lease = Lease(kube, settings.lease, time.monotonic) if settings.lease is not None else None
    try:
        async with aiohttp.ClientSession() as session:
            reports: Reports = ProxyReports(kube) if settings.reports_by_proxy else DirectReports(session)
            if lease is not None and not await _leads(lease, stop):
                return 0
            if not await _installed(kube, stop):
                return 0
            return await _operate(settings, kube, reports, metrics, _Flags(stop, ready, lease))
    finally:
        if lease is not None:
            await lease.release()
        await runner.cleanup()
        await kube.close()


async def _leads(lease: Lease, stop: asyncio.Event) -> bool:
    """Wait for the lease; false when told to end before."""
    acquiring, stopping = asyncio.create_task(lease.acquire()), asyncio.create_task(stop.wait())
    await asyncio.wait({acquiring, stopping}, return_when=asyncio.FIRST_COMPLETED)
    won = acquiring.done()
    await _cancel(acquiring, stopping)
    if won:
        acquiring.result()
    return won


async def _installed(kube: Kube, stop: asyncio.Event) -> bool:
    """Wait until the API server knows OnlineModel; false when told to end before."""
    told = False
    while not stop.is_set():
        try:
            await kube.request("GET", f"/apis/{MODELS.group_version}")
        except (ObjectGone, ClusterUnavailable) as error:
            if not told:
                log.warning("the API server does not serve OnlineModel yet; kubectl apply -f crds/", error=str(error))
            told = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_FOR_CRD_SECONDS)
        else:
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Flags:
    """What the parts of a running operator wait for."""

    stop: asyncio.Event
    ready: threading.Event
    lease: Lease | None


async def _operate(settings: Settings, kube: Kube, reports: Reports, metrics: Metrics, flags: _Flags) -> int:
    queue = KeyedQueue(time.monotonic)
    loop = asyncio.get_running_loop()
    reconciler = Reconciler(
        kube=kube,
        observer=Observer(kube, reports),
        applier=Applier(kube),
        images=settings.images,
        metrics=metrics,
        clock=lambda: datetime.now(UTC),
    )
    ended = threading.Event()

    def wake(key: str) -> None:
        loop.call_soon_threadsafe(queue.add, key)

    watching = asyncio.to_thread(handlers.watch, wake, settings.namespaces, flags.ready, ended)
    parts = [asyncio.create_task(watching, name="watch")]
    parts += [
        asyncio.create_task(work(queue, reconciler, metrics), name=f"worker-{n}") for n in range(settings.workers)
    ]
    if flags.lease is not None:
        parts.append(asyncio.create_task(flags.lease.hold(), name="lease"))
    stopping = asyncio.create_task(flags.stop.wait(), name="stop")
    log.info("operator started", namespaces=settings.namespaces or "all")
    done, _ = await asyncio.wait({stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
    for part in done - {stopping}:
        log.error("a part of the operator ended", part=part.get_name(), error=repr(part.exception()))
    ended.set()
    await _cancel(stopping, *parts)
    log.info("operator ended")
    return 0 if stopping in done else 1


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
