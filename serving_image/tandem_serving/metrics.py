"""What Prometheus reads at /metrics: this program's own metrics and the engine's, under one set of names."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

_LATENCIES = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 5.0)
_WORK = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)


class Metrics:
    """All metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._errors = 0
        self._watermark: datetime | None = None
        self.requests = Counter(
            "tandem_serving_requests",
            "Requests by interface, method and gRPC code.",
            ["api", "method", "code"],
            registry=None,
        )
        self.latency = Histogram(
            "tandem_serving_request_seconds",
            "Time to answer, by interface and method.",
            ["api", "method"],
            buckets=_LATENCIES,
            registry=None,
        )
        self.stage = Histogram(
            "tandem_serving_stage_seconds",
            "Time within predictions by stage: json, decode, queue, encode per request, gather and dense per batch.",
            ["stage"],
            buckets=_LATENCIES,
            registry=None,
        )
        self.joined = Joined((self.requests, self.latency, self.stage))
        registry.register(self.joined)
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
        self.unkept = Counter(
            "tandem_serving_cache_unkept",
            "Objects of bases that the disk did not take; they came from the store and are not kept.",
            registry=registry,
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

    def count_error(self) -> None:
        """Count an error of this server's own that the engine knows nothing of."""
        with self._lock:
            self._errors += 1

    @property
    def errors(self) -> int:
        """Those errors since the start."""
        with self._lock:
            return self._errors

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


class Joined(Collector):
    """The engine's families under this server's names, and REST's in the same ones.

    Args:
      own: families that both have; the engine's are gRPC's, which has what REST passed on among it.
    """

    def __init__(self, own: tuple[Counter | Histogram, ...]) -> None:
        self._own = own
        self.engine: Callable[[], str] = str
        """Gives the engine's metrics in Prometheus' text form."""

    def collect(self) -> Iterable[Metric]:
        """Read both."""
        own = {family.name: family for metric in self._own for family in metric.collect()}
        for family in text_string_to_metric_families(self.engine()):
            made = Metric(_renamed(family.name), family.documentation, family.type)
            mine = own.pop(made.name, None)
            for sample in family.samples:
                method = {"api": "grpc"} if "method" in sample.labels else {}
                made.add_sample(_renamed(sample.name), {**method, **sample.labels}, sample.value)
            if mine is not None:
                made.samples.extend(mine.samples)
            yield made
        yield from own.values()


def _renamed(name: str) -> str:
    return name.replace("tandem_engine_", "tandem_serving_", 1)
