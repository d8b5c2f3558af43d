"""From the API server's JSON to the views of ``observed``.

The parsing edge, and the only place that knows the shape of foreign objects.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tandem_wire.errors import InvalidValue
from tandem_wire.report import Fault, PodReport, Termination

from tandem_operator.api import LABEL_NUMBER, LABEL_ROLE, Role
from tandem_operator.children import FINGERPRINT
from tandem_operator.observed import ChildView, JobPhase, JobView, PodView

Json = Mapping[str, Any]
PATIENT = frozenset({"ContainerCreating", "PodInitializing"})
"""Reasons of waiting that are the normal way of a container that is about to start."""


def job(found: Json, pods: Iterable[Json]) -> JobView | None:
    """View a Job and its pods; None when its labels are not ours."""
    meta, status = found["metadata"], found.get("status", {})
    labels = meta.get("labels", {})
    try:
        role, number = Role(labels.get(LABEL_ROLE)), int(labels.get(LABEL_NUMBER, ""))
    except ValueError:
        return None
    own = [pod for pod in pods if _owned_by(pod, meta["uid"])]
    phase = _job_phase(status)
    return JobView(
        name=meta["name"],
        uid=meta["uid"],
        role=role,
        number=number,
        fingerprint=meta.get("annotations", {}).get(FINGERPRINT, ""),
        phase=phase,
        deleting="deletionTimestamp" in meta,
        created=_time(meta.get("creationTimestamp")),
        started=min(filter(None, map(_started, own)), default=None),
        finished=_finished(status) if phase is not JobPhase.ACTIVE else None,
        termination=next(filter(None, map(_termination, own)), None) if phase is JobPhase.FAILED else None,
        waiting=next(filter(None, map(_waiting, own)), None) if phase is JobPhase.ACTIVE else None,
    )


def pod(found: Json, report: PodReport | None) -> PodView:
    """View a serving pod and what it reports."""
    meta, status = found["metadata"], found.get("status", {})
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions", ()))
    return PodView(
        name=meta["name"],
        uid=meta["uid"],
        address=status.get("podIP"),
        ready=ready,
        deleting="deletionTimestamp" in meta,
        running=status.get("phase") == "Running",
        created=_time(meta.get("creationTimestamp")),
        template=meta.get("labels", {}).get("pod-template-hash", ""),
        restarted=_restarted(found),
        termination=None if ready else _termination(found),
        waiting=_waiting(found),
        report=report,
    )


def gone(found: Json) -> bool:
    """Tell whether a pod has ended for good: evicted pods stay in the list."""
    return found.get("status", {}).get("phase") in ("Succeeded", "Failed")


def child(found: Json, kind: str) -> ChildView:
    """View a Deployment or a Service."""
    meta, spec, status = found["metadata"], found.get("spec", {}), found.get("status", {})
    replicas = spec.get("replicas", 0)
    generation = meta.get("generation", 0)
    available, updated = status.get("availableReplicas", 0), status.get("updatedReplicas", 0)
    seen = kind != "Deployment" or status.get("observedGeneration", 0) >= generation
    complete = kind != "Deployment" or (updated >= replicas and status.get("replicas", 0) == updated)
    return ChildView(
        kind=kind,
        name=meta["name"],
        fingerprint=meta.get("annotations", {}).get(FINGERPRINT, ""),
        generation=generation,
        replicas=replicas,
        updated=updated,
        available=available,
        settled=seen and complete,
    )


def _owned_by(pod: Json, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in pod["metadata"].get("ownerReferences", ()))


def _job_phase(status: Json) -> JobPhase:
    true = {item["type"] for item in status.get("conditions", ()) if item["status"] == "True"}
    if "Complete" in true:
        return JobPhase.SUCCEEDED
    return JobPhase.FAILED if "Failed" in true else JobPhase.ACTIVE


def _finished(status: Json) -> datetime | None:
    done = status.get("completionTime")
    ends = [item.get("lastTransitionTime") for item in status.get("conditions", ()) if item["status"] == "True"]
    return _time(done) or max(filter(None, map(_time, ends)), default=None)


def _containers(pod: Json) -> Sequence[Json]:
    statuses: Sequence[Json] = pod.get("status", {}).get("containerStatuses", ())
    return statuses


def _started(pod: Json) -> datetime | None:
    for container in _containers(pod):
        state = container.get("state", {})
        started = state.get("running", {}).get("startedAt") or state.get("terminated", {}).get("startedAt")
        if started:
            return _time(started)
    return None


def _restarted(pod: Json) -> datetime | None:
    ends: list[datetime | None] = []
    for container in _containers(pod):
        states = (container.get("lastState", {}), container.get("state", {}))
        ends.extend(_time(state.get("terminated", {}).get("finishedAt")) for state in states)
    return max(filter(None, ends), default=None)


def _termination(pod: Json) -> Termination | None:
    """Read what a container said when it ended; one that could not say anything is described by how it ended."""
    for container in _containers(pod):
        ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
        if not ended or ended.get("exitCode", 0) == 0:
            continue
        try:
            return Termination.from_json(ended.get("message", ""))
        except InvalidValue:
            reason = ended.get("reason") or "Error"
            message = (
                f"{pod['metadata']['name']} ended with exit code {ended.get('exitCode')} ({reason}); its log says more."
            )
            return Termination(Fault.WORLD, reason, message)
    return None


def _waiting(pod: Json) -> str | None:
    """Tell why a container does not start, when it is not just about to."""
    for container in _containers(pod):
        waiting = container.get("state", {}).get("waiting", {})
        reason = waiting.get("reason")
        if reason and reason not in PATIENT and reason != "CrashLoopBackOff":
            return f"{reason}: {waiting.get('message', '')}"
    for item in pod.get("status", {}).get("conditions", ()):
        if item["type"] == "PodScheduled" and item["status"] == "False":
            return f"{item.get('reason', 'Unschedulable')}: {item.get('message', '')}"
    return None


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
