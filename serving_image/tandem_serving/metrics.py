"""What Prometheus reads at /metrics, and the two counts that the report carries."""

import threading
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

_LATENCIES = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 5.0)
_WORK = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)


class Metrics:
    """All metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._answers = 0
        self._errors = 0
        self._watermark: datetime | None = None
        self.requests = Counter(
            "tandem_serving_requests",
            "Requests by interface, method and gRPC code.",
            ["api", "method", "code"],
            registry=registry,
        )
        self.latency = Histogram(
            "tandem_serving_request_seconds",
            "Time to answer, by interface and method.",
            ["api", "method"],
            buckets=_LATENCIES,
            registry=registry,
        )
        self.stage = Histogram(
            "tandem_serving_stage_seconds",
            "Time within a prediction, by stage.",
            ["stage"],
            buckets=_LATENCIES,
            registry=registry,
        )
        self.rows = Counter("tandem_serving_rows", "Rows that were answered.", registry=registry)
        self.base = Gauge("tandem_serving_base", "The base that is answered from; -1: none.", registry=registry)
        self.update = Gauge("tandem_serving_update", "The update that is answered from; -1: none.", registry=registry)
        self.freshness = Gauge(
            "tandem_serving_freshness_seconds",
            "Now minus the watermark of the version that is answered from.",
            registry=registry,
        )
        self.published = Counter(
            "tandem_serving_published",
            "Versions published, by kind: a swap of the base, or an update.",
            ["kind"],
            registry=registry,
        )
        self.refused = Counter("tandem_serving_refused", "Records and bases that were refused.", registry=registry)
        self.store_errors = Counter(
            "tandem_serving_store_errors", "Times that the store did not answer.", registry=registry
        )
        self.build = Histogram(
            "tandem_serving_build_seconds",
            "Time to build a version off the request path, by kind.",
            ["kind"],
            buckets=_WORK,
            registry=registry,
        )
        self.setting = Info("tandem_serving", "What this server was asked to do and does.", registry=registry)
        self.base.set(-1)
        self.update.set(-1)
        self.freshness.set_function(self._fresh)

    def count(self, *, good: bool) -> None:
        """Count an answer, or an error of this server's own (a client's error is neither)."""
        with self._lock:
            if good:
                self._answers += 1
            else:
                self._errors += 1

    @property
    def counts(self) -> tuple[int, int]:
        """Answers and errors since the start."""
        with self._lock:
            return self._answers, self._errors

    def serving(self, base: int, update: int, watermark: datetime | None) -> None:
        """Note the version that is answered from."""
        self.base.set(base)
        self.update.set(update)
        self._watermark = watermark

    def text(self) -> bytes:
        """Write all of it in Prometheus' text form."""
        return generate_latest(self.registry)

    def _fresh(self) -> float:
        watermark = self._watermark
        return float("nan") if watermark is None else (datetime.now(watermark.tzinfo) - watermark).total_seconds()
