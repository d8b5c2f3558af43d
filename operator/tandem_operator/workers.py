"""Workers: take a key, look at it, put it back.

Errors of the world become a pause, errors of the program a line with its trace.
"""

import asyncio
import time

import structlog
from tandem_wire.errors import WireError

from tandem_operator.errors import ClusterUnavailable, OperatorError
from tandem_operator.metrics import Metrics
from tandem_operator.queue import KeyedQueue
from tandem_operator.reconcile import Reconciler

LONGEST_LOOK = 120.0
"""Seconds after which a look is given up; everything it does is safe to be cut short."""

log = structlog.get_logger()


async def work(queue: KeyedQueue, reconciler: Reconciler, metrics: Metrics) -> None:
    """Work for ever."""
    while True:
        key = await queue.take()
        metrics.queued.set(len(queue))
        with metrics.seconds.time():
            await look(key, queue, reconciler, metrics)


async def look(key: str, queue: KeyedQueue, reconciler: Reconciler, metrics: Metrics) -> None:
    """Look at one model and say when to look again."""
    began = time.monotonic()
    try:
        done = await asyncio.wait_for(reconciler.reconcile(key), LONGEST_LOOK)
    except (OperatorError, WireError, TimeoutError) as error:
        pause = queue.failed(key)
        outcome = "unavailable" if isinstance(error, ClusterUnavailable | TimeoutError) else "failed"
        metrics.reconciles.labels(outcome).inc()
        log.warning("look failed", model=key, error=f"{type(error).__name__}: {error}", again_in=round(pause, 2))
    except Exception:
        # A fault of this program must not end the worker: other models go on, and this one is tried again.
        pause = queue.failed(key)
        metrics.reconciles.labels("bug").inc()
        log.exception("look failed by a fault of the operator", model=key, again_in=round(pause, 2))
    else:
        metrics.reconciles.labels("done").inc()
        if done.gone:
            queue.forget(key)
        else:
            queue.done(key, None if done.again is None else done.again.total_seconds())
        log.debug("looked", model=key, seconds=round(time.monotonic() - began, 3))
