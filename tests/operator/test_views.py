"""Foreign JSON at the edge: Jobs, pods and children as the API server shows them."""

from typing import Any

import pytest
from tandem_operator import views
from tandem_operator.api import Role
from tandem_operator.observed import JobPhase
from tandem_wire.report import Fault, Termination

from tests.operator.builders import merge, table

STARTED = "2026-11-11T12:00:00Z"
LABELS = {"tandem.dev/role": "b", "tandem.dev/number": "17", "tandem.dev/model": "search"}


def job(status: dict[str, Any], **meta: Any) -> dict[str, Any]:
    known = {"name": "search-b-17", "uid": "job-uid", "labels": LABELS, "creationTimestamp": STARTED}
    return {"metadata": {**known, **meta}, "status": status}


def pod(state: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "metadata": {"name": "search-b-17-x", "uid": "pod-uid", "ownerReferences": [{"uid": "job-uid"}]},
        "status": {"phase": "Running", "containerStatuses": [{"state": state or {}, "lastState": {}}]},
    }
    return merge(known, changes)


def condition(kind: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "lastTransitionTime": "2026-11-11T12:05:00Z"}


@table(
    "status expected",
    [
        ("just made", {}, JobPhase.ACTIVE),
        ("running", {"active": 1}, JobPhase.ACTIVE),
        ("done", {"conditions": [condition("SuccessCriteriaMet"), condition("Complete")]}, JobPhase.SUCCEEDED),
        ("failed", {"conditions": [condition("FailureTarget"), condition("Failed")]}, JobPhase.FAILED),
    ],
)
def test_phases_of_a_job(status, expected):
    view = views.job(job(status), [])
    assert view is not None
    assert (view.phase, view.role, view.number) == (expected, Role.B, 17)
    assert (view.finished is None) == (expected is JobPhase.ACTIVE)


@pytest.mark.parametrize("labels", [{}, {"tandem.dev/role": "b"}, {**LABELS, "tandem.dev/number": "x"}])
def test_a_job_that_is_not_ours_is_passed_over(labels):
    assert views.job(job({}, labels=labels), []) is None


def test_a_job_knows_when_its_container_began():
    view = views.job(job({}), [pod({"running": {"startedAt": STARTED}})])
    assert view is not None
    assert view.started is not None
    assert view.started.isoformat() == "2026-11-11T12:00:00+00:00"


SAID = Termination(Fault.USER, "UnknownEntrypoint", "there is no shop.models:build; correct spec.model.entrypoint.")
FAILED = {"conditions": [condition("Failed")]}


@table(
    "ended kind reason said",
    [
        ("it said why", {"exitCode": 2, "message": SAID.to_json()}, Fault.USER, SAID.reason, SAID.message),
        ("killed for memory", {"exitCode": 137, "reason": "OOMKilled"}, Fault.WORLD, "OOMKilled", "its log says more"),
        ("it said nothing sensible", {"exitCode": 1, "message": "Traceback"}, Fault.WORLD, "Error", "exit code 1"),
    ],
)
def test_how_a_trainer_ended(ended, kind, reason, said):
    view = views.job(job(FAILED), [pod({"terminated": ended})])
    assert view is not None
    assert view.termination is not None
    assert (view.termination.kind, view.termination.reason) == (kind, reason)
    assert said in view.termination.message


def test_pods_of_other_jobs_say_nothing_about_this_one():
    other = pod({"terminated": {"exitCode": 1}}, metadata={"ownerReferences": [{"uid": "other"}]})
    view = views.job(job(FAILED), [other])
    assert view is not None
    assert view.termination is None


@table(
    "found expected",
    [
        ("about to start", pod({"waiting": {"reason": "ContainerCreating"}}), None),
        (
            "no such image",
            pod({"waiting": {"reason": "ErrImagePull", "message": "not found"}}),
            "ErrImagePull: not found",
        ),
        (
            "no such secret",
            pod({"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "s3" not found'}}),
            'CreateContainerConfigError: secret "s3" not found',
        ),
        (
            "no node",
            pod(status={"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}),
            "Unschedulable: ",
        ),
        ("between two tries: how it ended says more", pod({"waiting": {"reason": "CrashLoopBackOff"}}), None),
    ],
)
def test_why_a_container_does_not_start(found, expected):
    assert views.pod(found, None).waiting == expected


def test_a_serving_pod():
    found = pod(
        {"running": {"startedAt": STARTED}},
        status={"podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "True"}]},
    )
    view = views.pod(found, None)
    assert (view.ready, view.running, view.address, view.live, view.base) == (True, True, "10.0.0.7", True, None)


def test_a_pod_that_came_back_shows_when_it_ended_and_no_longer_why():
    ended = {"lastState": {"terminated": {"exitCode": 1, "finishedAt": STARTED}}, "state": {"running": {}}}
    back = pod(status={"containerStatuses": [ended], "conditions": [{"type": "Ready", "status": "True"}]})
    away = pod(status={"containerStatuses": [ended]})
    assert views.pod(back, None).restarted == views.pod(away, None).restarted is not None
    assert views.pod(back, None).termination is None
    assert views.pod(away, None).termination is not None


@pytest.mark.parametrize(("phase", "expected"), [("Running", False), ("Pending", False), ("Failed", True)])
def test_evicted_pods_are_gone(phase, expected):
    assert views.gone(pod(status={"phase": phase})) is expected


def deployment(generation: int = 2, **status: int) -> dict[str, Any]:
    meta = {"name": "search-serving", "generation": generation, "annotations": {"tandem.dev/fingerprint": "abc"}}
    return {"metadata": meta, "spec": {"replicas": 2}, "status": status}


@table(
    "found settled",
    [
        ("done", deployment(observedGeneration=2, updatedReplicas=2, replicas=2, availableReplicas=2), True),
        ("not seen yet", deployment(observedGeneration=1, updatedReplicas=2, replicas=2), False),
        ("old pods are still there", deployment(observedGeneration=2, updatedReplicas=2, replicas=3), False),
        ("new pods are still missing", deployment(observedGeneration=2, updatedReplicas=1, replicas=2), False),
    ],
)
def test_whether_a_deployment_has_settled(found, settled):
    view = views.child(found, "Deployment")
    assert (view.settled, view.fingerprint, view.generation) == (settled, "abc", 2)


def test_a_service_has_nothing_to_settle():
    assert views.child({"metadata": {"name": "search-serving"}}, "Service").settled
