"""Conditions and status: that they say what is so, and what to do about it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tandem_operator.api import OnlineModel, Phase, Status
from tandem_operator.observed import Failures, JobPhase, Observed
from tandem_operator.plan import plan
from tandem_operator.support import unsupported
from tandem_wire.records import Counters
from tandem_wire.report import Fault, GraphReport, GraphState, ServingReport, Termination
from tandem_wire.target import Promoted

from tests.operator.builders import (
    HOUR,
    IMAGES,
    MINUTE,
    MODEL,
    NOW,
    RUN,
    b_child,
    base,
    condition,
    log,
    observed,
    online_model,
    pod,
    refusal,
    report,
    streaming,
    table,
    target,
)


def fresh(name: str, age: timedelta = MINUTE, **changes: Any):
    serving = ServingReport(0, 7, NOW - age, NOW - HOUR)
    return pod(name, 0, report=replace(report(name, 0), serving=serving, **changes))


def world(model: OnlineModel = MODEL, store: Mapping[str, Any] | None = None, **changes: Any) -> Observed:
    whole = {"target": target(run=RUN, history=(Promoted(0, NOW, "Bootstrap"),)), **(store or {})}
    return streaming(model, whole, **{"pods": (fresh("p0"), fresh("p1")), **changes})


def status(seen: Observed, model: OnlineModel = MODEL) -> Status:
    return plan(model, seen, IMAGES, NOW).status


def said(seen: Observed, kind: str, model: OnlineModel = MODEL) -> tuple[str, str, str]:
    found = condition(status(seen, model), kind)
    return found.status, found.reason, found.message


SUPPOSED = {
    "Available": ("True", "PodsAnswering"),
    "Progressing": ("False", "Streaming"),
    "Reconciling": ("False", "Settled"),
    "Stalled": ("False", "Settled"),
    "UpdatesFresh": ("True", "WithinTarget"),
    "SpecPending": ("False", "NothingPending"),
    "SpecSupported": ("True", "Supported"),
    "StoreReady": ("True", "StoreReached"),
    "StreamsHealthy": ("True", "RecordsFlowing"),
    "LastPromotion": ("True", "Promoted"),
}


def test_a_model_that_is_well():
    found = status(world())
    assert {known.type: (known.status, known.reason) for known in found.conditions} == SUPPOSED
    assert found.phase is Phase.STREAMING
    assert found.freshness is not None
    assert (found.freshness.seconds, found.freshness.target) == (60, 120)
    assert found.lineage is not None
    assert found.lineage.serving is not None
    assert (found.lineage.serving.base, found.lineage.serving.update) == (0, 7)


def failed(kind: Fault, message: str = "Correct spec.model.entrypoint.") -> dict[str, Failures]:
    said = Termination(kind, "UnknownEntrypoint", message)
    return {"search-b-0": Failures(3, NOW, "former", JobPhase.FAILED, said, b_child(MODEL, 0).fingerprint)}


CONTRACT = {
    "entrypoint": "shop.models:former",
    "streams": [],
    "config": {},
    "freezing": [],
    "tables": [],
    "training": {},
}
KAFKA = {"bootstrapServers": "kafka:9092", "topic": "clicks", "startAt": "Earliest"}
STREAM = {"name": "click", "task": "ctr", "kafka": KAFKA, "segments": None}
NO_SECRET = 'CreateContainerConfigError: secret "s3" not found'  # noqa: S105 - a kubelet's sentence
SICK = Counters(10, 8, {"NotAnExample": 2})
A, B = streaming().jobs


@table(
    "changes kind truth reason contains",
    [
        ("no pod answers", {"pods": (pod("p0", None),)}, "Available", "False", "NoPodReady", "None of 2"),
        (
            "no pod answers, and one says why",
            {"pods": (pod("p0", None, termination=Termination(Fault.WORLD, "OOMKilled", "p0 ended: OOM.")),)},
            "Available",
            "False",
            "NoPodReady",
            "p0 ended: OOM.",
        ),
        ("stale", {"pods": (fresh("p0"), fresh("p1", HOUR))}, "UpdatesFresh", "False", "BehindTarget", "p1"),
        ("nobody knows", {"pods": (pod("p0", None),)}, "UpdatesFresh", "Unknown", "NoUpdateYet", ""),
        (
            "a trainer's user error",
            {"memory": {"failures": failed(Fault.USER)}, "jobs": (A, replace(B, started=NOW))},
            "Stalled",
            "True",
            "UnknownEntrypoint",
            "spec.model.entrypoint",
        ),
        (
            "the same Job has been well for a while",
            {"memory": {"failures": failed(Fault.USER)}, "jobs": (A, replace(B, started=NOW - MINUTE))},
            "Stalled",
            "False",
            "Settled",
            "",
        ),
        ("the world's error", {"memory": {"failures": failed(Fault.WORLD)}}, "Stalled", "False", "Settled", ""),
        (
            "an image that cannot be had",
            {"jobs": (A, replace(B, started=None, waiting="ErrImagePull: not found"))},
            "Stalled",
            "True",
            "ImageUnavailable",
            "not found",
        ),
        (
            "a node that may still come",
            {"jobs": (A, replace(B, created=NOW, waiting="Unschedulable: 0/1 nodes"))},
            "Stalled",
            "False",
            "Settled",
            "",
        ),
        (
            "what keeps pods of a former template from starting",
            {
                "pods": (
                    pod("p0", None, template="former", created=NOW - HOUR, waiting=NO_SECRET),
                    pod("p1", None, template="now", created=NOW - MINUTE),
                )
            },
            "Stalled",
            "False",
            "Settled",
            "",
        ),
        (
            "what keeps pods of the newest template from starting",
            {
                "pods": (
                    pod("p0", 0, template="former", created=NOW - HOUR),
                    pod("p1", None, template="now", created=NOW, waiting=NO_SECRET),
                )
            },
            "Stalled",
            "True",
            "MissingSecret",
            "s3",
        ),
        (
            "the API server refuses",
            {"memory": {"refusal": "exceeded quota"}},
            "Stalled",
            "True",
            "ClusterRefused",
            "exceeded quota",
        ),
        (
            "what serves was made from another spec",
            {"bases": [base(0, contract={**CONTRACT, "streams": [STREAM]})]},
            "SpecPending",
            "True",
            "NextRun",
            "spec.model.entrypoint",
        ),
        (
            "records were set aside",
            {"store": {"updates": {0: log(0, counters={"click": SICK})}}},
            "StreamsHealthy",
            "False",
            "RecordsQuarantined",
            "click: NotAnExample",
        ),
        (
            "the last candidate was refused",
            {"store": {"target": target(run=RUN, history=(Promoted(0, NOW, "Daily"),), refused={1: "gate auc: fell"})}},
            "LastPromotion",
            "False",
            "Refused",
            "gate auc: fell",
        ),
        ("being changed", {"children": ()}, "Reconciling", "True", "ChildrenChanging", ""),
    ],
)
def test_what_is_said_when_something_is_not_well(*, changes, kind, truth, reason, contains):
    found = said(world(**changes), kind)
    assert found[:2] == (truth, reason)
    assert contains in found[2]


GPUS = online_model({"serving": {"gpu": {"count": 1}}})
ON, NO_GPU = GraphReport(GraphState.ON), GraphReport(GraphState.UNAVAILABLE, "this machine has no GPU")


@pytest.mark.parametrize(
    ("graphs", "truth", "reason", "message"),
    [
        ((ON, ON), "True", "Captured", "Every pod computes by captured graphs."),
        (
            (ON, NO_GPU),
            "False",
            "NotCaptured",
            "1 of 2 pods compute without a captured graph; p1: this machine has no GPU",
        ),
        (
            (GraphReport(GraphState.OFF), NO_GPU),
            "False",
            "NotCaptured",
            "2 of 2 pods compute without a captured graph; p0: Off",
        ),
        ((None, ON), "False", "NotCaptured", "1 of 2 pods compute without a captured graph; p0: its image"),
        ((), "Unknown", "Unknown", "No pod that answers says how it computes."),
    ],
)
def test_where_graphs_were_asked_for_it_is_said_what_became_of_them(graphs, truth, reason, message):
    pods = tuple(fresh(f"p{i}", graph=graph) for i, graph in enumerate(graphs))
    found = said(world(GPUS, pods=pods), "CudaGraphActive", GPUS)
    assert found[:2] == (truth, reason)
    assert found[2].startswith(message)


@pytest.mark.parametrize("serving", [{}, {"gpu": {"count": 1, "cudaGraph": {"enabled": False}}}])
def test_where_no_graph_was_asked_for_nothing_is_said_of_one(serving):
    model = online_model({"serving": serving})
    assert "CudaGraphActive" not in {each.type for each in status(world(model), model).conditions}


def test_a_base_that_a_person_chose_and_that_is_not_there():
    model = online_model({"rollout": {"base": 9}})
    truth, reason, message = said(world(model), "Stalled", model)
    assert (truth, reason) == ("True", "NoSuchBase")
    assert "Choose one of: 0" in message


def test_a_condition_keeps_its_time_while_its_truth_stays():
    first = status(world())
    later = MODEL.model_copy(update={"status": first})
    again = plan(later, world(), IMAGES, NOW + HOUR).status
    before = {known.type: known.last_transition_time for known in first.conditions}
    changed = {known.type for known in again.conditions if known.last_transition_time != before[known.type]}
    assert changed == {"UpdatesFresh"}


def test_a_small_change_of_freshness_is_not_worth_a_write():
    first = status(world())
    later = MODEL.model_copy(update={"status": first})
    again = plan(later, world(), IMAGES, NOW + timedelta(seconds=3)).status
    assert again.to_json() == first.to_json()
    much = plan(later, world(), IMAGES, NOW + timedelta(seconds=9)).status
    assert much.freshness is not None
    assert much.freshness.seconds == 69


def test_updates_that_pods_refuse_are_counted_by_pod():
    pods = tuple(fresh(f"p{n}", refused=(refusal("updates/0/3"),)) for n in range(2))
    (found,) = status(world(store={"updates": {}}, pods=pods)).refused_updates
    assert (found.record, found.pods) == ("updates/0/3", 2)


OFF = {"name": "Ftrl", "l21": 0.1}


def test_every_field_without_effect_is_named_with_what_to_do():
    spec = online_model(
        {
            "bootstrap": {"from": "s3://models/other/checkpoints/1"},
            "training": {"workers": 4, "optimizer": OFF},
            "export": {"compression": {"quantize": "Int8", "dropZeroRows": False}},
            "rollout": {"gates": {"latencyP99": {"maxRise": "20%"}}},
            "monitoring": {"alerts": {"enabled": True}},
        }
    ).spec
    found = unsupported(spec)
    assert len(found) == 7
    assert all(sentence.startswith("spec.") and ";" in sentence for sentence in found)
    assert unsupported(MODEL.spec) == ()


def test_a_model_that_waits_for_what_is_not_supported_says_so_and_trains_nothing():
    model = online_model({"bootstrap": {"from": "s3://models/other/checkpoints/1"}})
    seen = observed(model, store={"target": target(stable=None)})
    found = plan(model, seen, IMAGES, NOW)
    assert [type(action).__name__ for action in found.actions] == ["Tell"]
    assert said(seen, "Stalled", model)[:2] == ("True", "NotSupportedYet")
