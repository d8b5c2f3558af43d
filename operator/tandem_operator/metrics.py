"""What the operator tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tandem_operator.api import OnlineModel, Status

LABELS = ("namespace", "name")


class Metrics:
    """All metrics of one operator, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Counter(
            "tandem_reconciles_total", "Looks at models by outcome.", ("outcome",), registry=self.registry
        )
        self.seconds = Histogram(
            "tandem_reconcile_seconds",
            "Time of one look at one model.",
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
            registry=self.registry,
        )
        self.actions = Counter(
            "tandem_actions_total", "Actions carried out, by kind.", ("action",), registry=self.registry
        )
        self.queued = Gauge(
            "tandem_queue_length", "Models that wait for a look, later ones included.", registry=self.registry
        )
        self.freshness = Gauge(
            "tandem_freshness_seconds", "Age of the least fresh answering weights.", LABELS, registry=self.registry
        )
        self.base = Gauge(
            "tandem_serving_base", "Base that the least fresh pod answers from.", LABELS, registry=self.registry
        )
        self.conditions = Gauge(
            "tandem_condition", "1 while a condition is True.", (*LABELS, "type"), registry=self.registry
        )

    def show(self, model: OnlineModel, status: Status) -> None:
        """Show what is true of a model."""
        labels = (model.metadata.namespace, model.metadata.name)
        serving = status.lineage.serving if status.lineage is not None else None
        # What is not known is not shown: an old value would look like a fresh one.
        self._set(self.freshness, labels, None if status.freshness is None else status.freshness.seconds)
        self._set(self.base, labels, None if serving is None else serving.base)
        for condition in status.conditions:
            self.conditions.labels(*labels, condition.type).set(condition.status == "True")

    @staticmethod
    def _set(gauge: Gauge, labels: tuple[str, str], value: float | None) -> None:
        if value is None:
            gauge.remove_by_labels(dict(zip(LABELS, labels, strict=True)))
        else:
            gauge.labels(*labels).set(value)

    def forget(self, namespace: str, name: str, types: tuple[str, ...]) -> None:
        """Show nothing more of a model that is gone."""
        for gauge in (self.freshness, self.base):
            gauge.remove_by_labels({"namespace": namespace, "name": name})
        for kind in types:
            self.conditions.remove_by_labels({"namespace": namespace, "name": name, "type": kind})
