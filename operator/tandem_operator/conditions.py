"""The conditions of an OnlineModel.

One pure function each, from the picture of one instant; machines read these, never the phase.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tandem_wire.report import GraphState

from tandem_operator.api import Condition, ConditionType, CycleState, Reason, format_duration
from tandem_operator.observed import StoreView
from tandem_operator.picture import Picture, trouble
from tandem_operator.support import unsupported
from tandem_operator.trainers import waiting_changes

Truth = Literal["True", "False", "Unknown"]
LAST_KNOWN = "The store cannot be read; what stands here is what was last known."


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition without its times."""

    truth: Truth
    reason: str
    message: str


def available(picture: Picture) -> Finding:
    """Whether clients get answers."""
    answering, replicas = picture.answering, picture.model.spec.serving.replicas
    if answering:
        return Finding("True", Reason.PODS_ANSWERING.value, f"{len(answering)} of {replicas} pods answer.")
    situation = picture.situation
    if situation is not None and situation.target.stable is None:
        return Finding("False", Reason.NO_BASE_YET.value, "There is no base to serve yet.")
    why = next((f" {pod.termination.message}" for pod in picture.newest_pods if pod.termination is not None), "")
    return Finding("False", Reason.NO_POD_READY.value, f"None of {replicas} pods answers.{why}")


def progressing(picture: Picture) -> Finding:
    """Whether the cycle is on its way from one base to another."""
    situation = picture.situation
    if picture.refused is not None:
        return Finding("False", picture.refused[0].value, "Nothing moves until the store is ours.")
    if situation is None:
        return Finding("Unknown", Reason.UNKNOWN.value, LAST_KNOWN)
    target, state = situation.target, situation.state
    if picture.model.spec.suspend and target.candidate is None:
        return Finding("False", Reason.SUSPENDED.value, "spec.suspend is true: trainers are ended, serving goes on.")
    truth: Truth = "False" if state is CycleState.STREAMING else "True"
    sentences = {
        CycleState.STREAMING: f"Base {target.stable} serves and streams.",
        CycleState.BOOTSTRAPPING: "The first base is being trained.",
        CycleState.REFUSED: f"Pods go back to base {target.stable}.",
        CycleState.PROMOTED: f"The last pods go over to base {target.stable}.",
    }
    doing = f"Base {target.candidate}: {situation.judged.waits_for or 'verified'}."
    return Finding(truth, state.value, sentences.get(state, doing))


def reconciling(picture: Picture) -> Finding:
    """Whether the operator or a controller is still changing children to what the spec says."""
    changing = [f"{child.kind} {child.name}" for child in picture.seen.children if not child.settled]
    if picture.acting or changing:
        what = ", ".join(changing) or "children"
        return Finding("True", Reason.CHILDREN_CHANGING.value, f"{what} are being changed to what the spec says.")
    return Finding("False", Reason.SETTLED.value, "Everything is as the spec says.")


def stalled(picture: Picture) -> Finding:
    """Whether a person must change something before it can go on."""
    found = trouble(picture)
    if found is None:
        return Finding("False", Reason.SETTLED.value, "Nothing waits for a person.")
    return Finding("True", found.reason, found.message)


def updates_fresh(picture: Picture) -> Finding:
    """Whether the least fresh answer is within the target."""
    target = picture.model.spec.monitoring.freshness_target
    age = picture.freshness
    if age is None:
        return Finding("Unknown", Reason.NO_UPDATE_YET.value, "No pod reports a watermark yet.")
    # No ages in the message: it would change, and be written, at every look.
    if age <= target:
        return Finding(
            "True", Reason.WITHIN_TARGET.value, f"Every pod's weights know the last {format_duration(target)}."
        )
    pod = picture.oldest
    who = pod.name if pod is not None else "a pod"
    hint = " spec.suspend is true." if picture.model.spec.suspend else " See status.jobs and status.streams."
    return Finding(
        "False", Reason.BEHIND_TARGET.value, f"{who} is more than {format_duration(target)} behind event time.{hint}"
    )


def spec_pending(picture: Picture) -> Finding:
    """Whether edits of model, weights, streams or training wait for the next run."""
    situation, store = picture.situation, picture.seen.store
    if situation is None or not isinstance(store, StoreView):
        return Finding("Unknown", Reason.UNKNOWN.value, LAST_KNOWN)
    base = store.bases.get(situation.target.stable) if situation.target.stable is not None else None
    changes = waiting_changes(picture.model, base.contract if base is not None else None)
    if not changes:
        return Finding("False", Reason.NOTHING_PENDING.value, "What serves was made from this spec.")
    message = (
        f"{', '.join(changes)}: base {situation.target.stable} was made from other values; the next base has these."
    )
    return Finding("True", Reason.NEXT_RUN.value, message)


def spec_supported(picture: Picture) -> Finding:
    """Whether every field of the spec has its effect."""
    gaps = unsupported(picture.model.spec)
    if gaps:
        return Finding("False", Reason.NOT_SUPPORTED_YET.value, "; ".join(gaps) + ".")
    return Finding("True", Reason.SUPPORTED.value, "Every field of the spec has its effect.")


def store_ready(picture: Picture) -> Finding:
    """Whether the store could be read at the last look."""
    fault = picture.fault
    if fault is not None:
        return Finding("False", fault.reason, fault.message)
    return Finding("True", Reason.STORE_REACHED.value, f"{picture.model.store_url} can be read.")


def streams_healthy(picture: Picture) -> Finding:
    """Whether all records of the streams could be used."""
    store, situation = picture.seen.store, picture.situation
    if situation is None or not isinstance(store, StoreView):
        return Finding("Unknown", Reason.UNKNOWN.value, LAST_KNOWN)
    log = store.updates.get(situation.target.stable) if situation.target.stable is not None else None
    counters = log.counters if log is not None else {}
    bad = {name: sorted(seen.quarantined) for name, seen in counters.items() if any(seen.quarantined.values())}
    if not bad:
        return Finding("True", Reason.RECORDS_FLOWING.value, "No record was set aside.")
    listed = "; ".join(f"{name}: {', '.join(reasons)}" for name, reasons in sorted(bad.items()))
    where = "counts stand in status.streams, the records under quarantine/ in the store"
    message = f"Records were set aside ({listed}); {where}."
    return Finding("False", Reason.RECORDS_QUARANTINED.value, message)


def last_promotion(picture: Picture) -> Finding:
    """Whether the newest candidate was taken."""
    situation = picture.situation
    if situation is None:
        return Finding("Unknown", Reason.UNKNOWN.value, LAST_KNOWN)
    target = situation.target
    if not target.history:
        return Finding("Unknown", Reason.NO_BASE_YET.value, "No base was rolled out yet.")
    newest = target.history[-1]
    newer = [number for number in target.refused if number > newest.base]
    if newer:
        return Finding("False", Reason.REFUSED.value, f"Base {max(newer)} was refused: {target.refused[max(newer)]}.")
    reason = Reason.ROLLED_BACK if newest.how == "RollBack" else Reason.PROMOTED
    return Finding("True", reason.value, f"Base {newest.base} serves ({newest.how}).")


def cuda_graph(picture: Picture) -> Finding | None:
    """Whether all pods compute by captured graphs; None where that was not asked for."""
    gpu = picture.model.spec.serving.gpu
    if gpu is None or not gpu.cuda_graph.enabled:
        return None
    told = [(pod.name, pod.report.graph) for pod in picture.answering if pod.report is not None]
    if not told:
        return Finding("Unknown", Reason.UNKNOWN.value, "No pod that answers says how it computes.")
    without = [(name, graph) for name, graph in told if graph is None or graph.state is not GraphState.ON]
    if not without:
        return Finding("True", Reason.CAPTURED.value, "Every pod computes by captured graphs.")
    name, graph = without[0]
    why = "its image does not know of graphs" if graph is None else graph.reason or graph.state
    message = f"{len(without)} of {len(told)} pods compute without a captured graph; {name}: {why}"
    return Finding("False", Reason.NOT_CAPTURED.value, message)


CONDITIONS: Sequence[tuple[ConditionType, Callable[[Picture], Finding | None]]] = (
    (ConditionType.AVAILABLE, available),
    (ConditionType.PROGRESSING, progressing),
    (ConditionType.RECONCILING, reconciling),
    (ConditionType.STALLED, stalled),
    (ConditionType.UPDATES_FRESH, updates_fresh),
    (ConditionType.SPEC_PENDING, spec_pending),
    (ConditionType.SPEC_SUPPORTED, spec_supported),
    (ConditionType.STORE_READY, store_ready),
    (ConditionType.STREAMS_HEALTHY, streams_healthy),
    (ConditionType.PROMOTED, last_promotion),
    (ConditionType.CUDA_GRAPH, cuda_graph),
)


def conditions(picture: Picture) -> tuple[Condition, ...]:
    """Make all conditions; one whose truth did not change keeps its time."""
    generation = picture.model.metadata.generation
    before = {condition.type: condition for condition in picture.model.status.conditions}
    found = ((kind, judge(picture)) for kind, judge in CONDITIONS)
    return tuple(
        condition(kind.value, finding, before.get(kind.value), generation, picture.now)
        for kind, finding in found
        if finding is not None
    )


def condition(kind: str, found: Finding, before: Condition | None, generation: int, now: datetime) -> Condition:
    """Give a finding its times."""
    same = before is not None and before.status == found.truth
    return Condition(
        type=kind,
        status=found.truth,
        reason=found.reason,
        message=found.message,
        last_transition_time=before.last_transition_time if same and before is not None else now.replace(microsecond=0),
        observed_generation=generation,
    )
