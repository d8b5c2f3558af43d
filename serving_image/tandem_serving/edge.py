"""What REST does around a request: limits before it, counts and clear errors after it."""

import time

import structlog

from tandem_serving.errors import Broken, Forwarded, Overloaded, RequestError
from tandem_serving.metrics import Metrics

PREDICT = "Predict"
_log = structlog.get_logger(__name__)


def check_load(in_flight: int, most: int) -> None:
    """Shed what would only wait.

    Raises:
      Overloaded: ``most`` requests are running.
    """
    if in_flight >= most:
        raise Overloaded(f"{most} requests are being answered already; try another replica")


def judged(error: Exception, method: str) -> RequestError:
    """Turn any error into one for the client's eyes; of what nobody foresaw it gets the name, the log gets the rest."""
    if isinstance(error, RequestError):
        return error
    _log.error("a request failed in a way that nobody foresaw", method=method, exc_info=error)
    return Broken(f"{method} failed inside of this server ({type(error).__name__}); its log says more")


def note(metrics: Metrics, method: str, started: float, failure: RequestError | None) -> None:
    """Count and time a REST request that ended.

    What the engine answered or refused is counted there, as gRPC is; the report's errors get only what failed here.

    Args:
      metrics: where.
      method: as the gRPC service calls it.
      started: ``time.perf_counter()`` at its begin.
      failure: what it ended with; None when it was answered.
    """
    metrics.latency.labels("rest", method).observe(time.perf_counter() - started)
    metrics.requests.labels("rest", method, "OK" if failure is None else failure.code.name).inc()
    if failure is not None and failure.ours and not isinstance(failure, Forwarded):
        metrics.count_error()
