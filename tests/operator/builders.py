"""Values for the operator's tests: a small model, its children as they were last applied, pods that answer."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tandem_operator import children, trainers
from tandem_operator.api import Condition, OnlineModel, Role, Status
from tandem_operator.children import Images
from tandem_operator.observed import (
    BaseView,
    ChildView,
    JobPhase,
    JobView,
    LogView,
    Memory,
    Observed,
    PodView,
    StoreView,
)
from tandem_wire.report import CandidateReport, CandidateState, PodReport, Refusal, ServingReport
from tandem_wire.target import Owner, Run, Target

NOW = datetime(2026, 11, 11, 12, 0, tzinfo=UTC)
OLD = NOW - timedelta(days=2)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
IMAGES = Images(training="registry/training:1", serving="registry/serving:1")
CLUSTER = "cluster-uid"
UID = "model-uid"
OWNER = Owner(CLUSTER, UID)
RUN = Run(0, 1)


def table(columns: str, rows: Sequence[tuple[Any, ...]]) -> pytest.MarkDecorator:
    """Parametrize a test by a table; the first entry of each row says in words what it shows."""
    return pytest.mark.parametrize(columns.split(), [row[1:] for row in rows], ids=[row[0] for row in rows])


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings; lists and values are replaced."""
    merged = dict(base)
    for key, value in change.items():
        known = merged.get(key)
        merged[key] = merge(known, value) if isinstance(value, Mapping) and isinstance(known, Mapping) else value
    return merged


def online_model(
    spec: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
) -> OnlineModel:
    """Parse the smallest useful model in Promotion mode with two pods, with changes."""
    smallest: dict[str, Any] = {
        "mode": "Promotion",
        "model": {"entrypoint": "shop.models:build"},
        "streams": [{"name": "click", "task": "ctr", "kafka": {"bootstrapServers": "kafka:9092", "topic": "clicks"}}],
        "store": {"s3": {"bucket": "models", "endpoint": "http://s3:8333", "credentialsSecret": "s3"}},
        "serving": {"replicas": 2},
    }
    metadata = {"name": "search", "namespace": "shop", "uid": UID, "generation": 3, "resourceVersion": "7"}
    body = {"metadata": merge(metadata, meta or {}), "spec": merge(smallest, spec or {}), "status": status or {}}
    return OnlineModel.parse(body)


def target(**changes: Any) -> Target:
    """Give a target of ours: base 0 is stable."""
    known: dict[str, Any] = {
        "revision": 5,
        "owner": OWNER,
        "stable": 0,
        "candidate": None,
        "candidate_pods": (),
        "step": 0,
        "since": NOW - MINUTE,
        "refused": {},
        "run": None,
        "history": (),
    }
    return Target(**{**known, **changes})


def base(number: int, **changes: Any) -> BaseView:
    """Give a base that may be served."""
    known: dict[str, Any] = {
        "digest": f"{number:064d}",
        "created": OLD + number * HOUR,
        "watermark": OLD,
        "checked": True,
    }
    return BaseView(number, **{**known, **changes})


def log(number: int, **changes: Any) -> LogView:
    """Give a log of updates in which one has been published."""
    return LogView(number, **{"last": 2, "update": 2, "watermark": OLD, **changes})


def pod(name: str, serving: int | None, **changes: Any) -> PodView:
    """Give a pod: answering from a base, or, with None, running and not there yet."""
    known: dict[str, Any] = {"uid": f"uid-{name}", "running": True, "ready": serving is not None, "created": OLD}
    if serving is not None:
        known["report"] = report(name, serving)
    return PodView(name, **{**known, **changes})


def report(name: str, serving: int | None, **changes: Any) -> PodReport:
    """Give a pod's report."""
    known: dict[str, Any] = {
        "model": "shop/search",
        "pod": name,
        "ready": serving is not None,
        "serving": None if serving is None else ServingReport(serving, 2, OLD, OLD),
        "loaded": (),
        "candidate": None,
        "target": 5,
        "refused": (),
        "store_seen_at": NOW,
        "answers": 0,
        "errors": 0,
    }
    return PodReport(**{**known, **changes})


def refusal(record: str, at: datetime = NOW) -> Refusal:
    """Give a refusal of a record."""
    return Refusal(record, "digest differs", at)


def cannot_load(number: int, reason: str = "weights of another shape") -> CandidateReport:
    """Give what a pod says of a candidate that it cannot load."""
    return CandidateReport(number, CandidateState.FAILED, reason)


def b_child(model: OnlineModel, number: int, view: BaseView | None = None) -> children.Child:
    """Render Model B of a lineage."""
    made = trainers.contract_of(model, view.contract if view is not None else None)
    return children.trainer_job(model, trainers.trainer_b(model, number, made), IMAGES)


def a_child(model: OnlineModel, run: Run) -> children.Child:
    """Render Model A of a run."""
    return children.trainer_job(model, trainers.trainer_a(model, run), IMAGES)


def job(child: children.Child, **changes: Any) -> JobView:
    """Give a Job that is as it was rendered, and at work."""
    labels = child.manifest["metadata"]["labels"]
    known: dict[str, Any] = {
        "uid": f"uid-{child.name}",
        "role": Role(labels["tandem.dev/role"]),
        "number": int(labels["tandem.dev/number"]),
        "fingerprint": child.fingerprint,
        "phase": JobPhase.ACTIVE,
        "created": OLD,
        "started": NOW,
    }
    return JobView(child.name, **{**known, **changes})


def applied(model: OnlineModel) -> tuple[tuple[ChildView, ...], dict[tuple[str, str], int]]:
    """Give Deployment and Service as they are after they were applied."""
    rendered = (children.serving_deployment(model, IMAGES), children.serving_service(model))
    views = tuple(ChildView(child.kind, child.name, child.fingerprint, 1) for child in rendered)
    return views, {(child.kind, child.name): 1 for child in rendered}


def observed(
    model: OnlineModel,
    bases: Iterable[BaseView] = (),
    memory: Mapping[str, Any] | None = None,
    store: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Observed:
    """Give an observation in which the children of serving are settled and retention has just run."""
    views, generations = applied(model)
    remembered = Memory(**{"watching_since": OLD, "applied": generations, "retained": NOW, **(memory or {})})
    seen = {known.number: known for known in bases}
    whole = StoreView(**{"target": target(), "etag": "etag-5", "bases": seen, **(store or {})})
    return Observed(**{"cluster": CLUSTER, "store": whole, "memory": remembered, "children": views, **changes})


MODEL = online_model()


def streaming(model: OnlineModel = MODEL, store: Mapping[str, Any] | None = None, **changes: Any) -> Observed:
    """Give a model that is well: two pods answer from base 0, Model B updates it, Model A makes base 1."""
    whole = {"target": target(run=RUN), "updates": {0: log(0)}, "runs": {1: log(1, claimed=NOW)}, **(store or {})}
    known: dict[str, Any] = {
        "bases": [base(0, created=NOW - HOUR)],
        "pods": (pod("p0", 0), pod("p1", 0)),
        "jobs": (job(a_child(model, RUN)), job(b_child(model, 0))),
    }
    return observed(model, store=whole, **{**known, **changes})


def store_of(seen: Observed) -> StoreView:
    """Give the store that was observed, which could be read."""
    assert isinstance(seen.store, StoreView)
    return seen.store


def condition(status: Status, kind: str) -> Condition:
    """Give a condition, which is there."""
    return next(known for known in status.conditions if known.type == kind)
