"""What a trainer says to Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_PAUSES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_SENDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)


class Metrics:
    """All metrics of a trainer, in a registry of their own so that tests may make several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.read = Counter("tandem_samples_read", "Records taken from a stream.", ["stream"], registry=registry)
        self.trained = Counter("tandem_samples_trained", "Samples trained on.", ["stream"], registry=registry)
        self.quarantined = Counter(
            "tandem_samples_quarantined", "Records set aside.", ["stream", "reason"], registry=registry
        )
        self.waiting = Gauge("tandem_samples_waiting", "Records read ahead of training.", ["stream"], registry=registry)
        self.step = Histogram(
            "tandem_step_seconds", "Time of one training step.", ["task"], buckets=_STEPS, registry=registry
        )
        self.pause = Histogram(
            "tandem_swift_pause_seconds", "Training pause while an update is cut.", buckets=_PAUSES, registry=registry
        )
        self.send = Histogram(
            "tandem_swift_send_seconds", "Time from cut to durable update.", buckets=_SENDS, registry=registry
        )
        self.published = Counter("tandem_updates_published", "Durable records.", ["kind"], registry=registry)
        self.failures = Counter("tandem_send_failures", "Tries to send that the store did not take.", registry=registry)
        self.watermark = Gauge(
            "tandem_watermark_seconds", "Event-time watermark of the trained state, since the epoch.", registry=registry
        )
        self.rows = Gauge("tandem_table_rows", "Rows of an embedding table.", ["table"], registry=registry)
        self.rows_left = Counter(
            "tandem_table_rows_left", "Rows that left by age or because they were zero.", registry=registry
        )
        self.auc = Gauge("tandem_window_auc", "Progressive AUC of the newest window.", ["task"], registry=registry)
        self.loss = Gauge(
            "tandem_window_loss", "Progressive log loss of the newest window.", ["task"], registry=registry
        )
        self.predicted = Gauge(
            "tandem_window_predicted", "Mean prediction of the newest window.", ["task"], registry=registry
        )
        self.observed = Gauge(
            "tandem_window_observed", "Share of positives of the newest window.", ["task"], registry=registry
        )

    def serve(self, port: int) -> None:
        """Answer scrapes at ``:port/metrics`` from a thread; 0 means not at all."""
        if port:
            start_http_server(port, registry=self.registry)
