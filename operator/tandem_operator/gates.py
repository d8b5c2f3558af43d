"""Checks that a candidate must pass; each is a pure function from what the manifests say to one or more :class:`Gate`.

A gate that has too little to go on is ``Waiting``: it neither refuses nor holds a candidate back, since only facts
refuse, and a model without traffic must still get its bases.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tandem_wire.records import Window

from tandem_operator.api import DriftGate, DropGate, Gates
from tandem_operator.observed import BaseView

ENOUGH = 200
"""Samples below which a measure is noise."""
MIN_CLASS = 10
"""Samples of each class below which it is."""


class Verdict(StrEnum):
    """What a gate says."""

    WAITING = "Waiting"
    PASSED = "Passed"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate, its verdict and the numbers behind it."""

    name: str
    verdict: Verdict
    message: str


def judge(gates: Gates, candidate: BaseView, current: Sequence[Window]) -> tuple[Gate, ...]:
    """Ask every gate that the spec names, after the export's own evaluation.

    Args:
      gates: those of the spec.
      candidate: the base; its windows are A's progressive evaluation.
      current: windows of B's updates to the base in service.
    """
    found = [evaluation(candidate)]
    if gates.auc is not None:
        found.extend(auc(gates.auc, candidate.windows, current))
    if gates.calibration is not None:
        found.extend(calibration(gates.calibration, candidate.windows))
    return tuple(found)


def evaluation(candidate: BaseView) -> Gate:
    """Check what needs no comparison: the manifest, the sizes of its objects, and that its losses are numbers."""
    name = "export"
    if candidate.fault is not None:
        return Gate(name, Verdict.FAILED, candidate.fault)
    for window in candidate.windows:
        if not (math.isfinite(window.loss) and math.isfinite(window.predicted)):
            return Gate(name, Verdict.FAILED, f"the loss of {window.task} from {window.start:%H:%M:%S} is not a number")
    if not candidate.checked:
        return Gate(name, Verdict.WAITING, "sizes of its objects are being compared with the manifest")
    return Gate(name, Verdict.PASSED, f"{len(candidate.windows)} windows of evaluation; all objects are there")


def auc(gate: DropGate, candidate: Sequence[Window], current: Sequence[Window]) -> tuple[Gate, ...]:
    """Compare progressive AUC, task by task.

    Over the event-time windows that both A and B scored before training on them.
    """
    return tuple(_auc_of(task, gate, candidate, current) for task in _tasks(candidate))


def _auc_of(task: str, gate: DropGate, candidate: Sequence[Window], current: Sequence[Window]) -> Gate:
    name = f"auc.{task}"
    theirs = {(window.start, window.end): window for window in current if _counts(window, task)}
    pairs = [
        (window, theirs[(window.start, window.end)])
        for window in candidate
        if _counts(window, task) and (window.start, window.end) in theirs
    ]
    weight = sum(min(ours.samples, other.samples) for ours, other in pairs)
    if not pairs or weight < ENOUGH:
        return Gate(name, Verdict.WAITING, f"{weight} samples in windows that both models scored, {ENOUGH} are needed")
    ours_mean = sum(min(a.samples, b.samples) * (a.auc or 0.0) for a, b in pairs) / weight
    current_mean = sum(min(a.samples, b.samples) * (b.auc or 0.0) for a, b in pairs) / weight
    drop = current_mean - ours_mean
    failed = gate.max_drop.exceeded(current_mean, drop)
    numbers = f"{ours_mean:.4f} against {current_mean:.4f} in {len(pairs)} windows, {weight} samples"
    limit = f"; it may fall by {gate.max_drop.text()}"
    return Gate(name, Verdict.FAILED if failed else Verdict.PASSED, numbers + limit)


def calibration(gate: DriftGate, candidate: Sequence[Window]) -> tuple[Gate, ...]:
    """Compare the mean prediction with the mean label, task by task, over all windows of the candidate."""
    return tuple(_calibration_of(task, gate, candidate) for task in _tasks(candidate))


def _calibration_of(task: str, gate: DriftGate, candidate: Sequence[Window]) -> Gate:
    name = f"calibration.{task}"
    mine = [window for window in candidate if window.task == task]
    samples = sum(window.samples for window in mine)
    positives = sum(window.positives for window in mine)
    if samples < ENOUGH or positives < MIN_CLASS:
        return Gate(
            name, Verdict.WAITING, f"{samples} samples with {positives} positives, {ENOUGH} with {MIN_CLASS} are needed"
        )
    predicted = sum(window.samples * window.predicted for window in mine) / samples
    label = positives / samples
    failed = gate.max_drift.exceeded(1.0, abs(predicted / label - 1.0))
    numbers = f"predicted {predicted:.4f}, happened {label:.4f}; they may differ by {gate.max_drift.text()}"
    return Gate(name, Verdict.FAILED if failed else Verdict.PASSED, numbers)


def _counts(window: Window, task: str) -> bool:
    negatives = window.samples - window.positives
    return window.task == task and window.auc is not None and min(window.positives, negatives) >= MIN_CLASS


def _tasks(windows: Iterable[Window]) -> tuple[str, ...]:
    return tuple(sorted({window.task for window in windows}))


def failure(gates: Iterable[Gate]) -> str | None:
    """Give the sentence of the first gate that failed."""
    return next((f"gate {gate.name}: {gate.message}" for gate in gates if gate.verdict is Verdict.FAILED), None)


def waiting_for_export(gates: Iterable[Gate]) -> bool:
    """Tell whether the one check that must be over before pods may load the candidate is not."""
    return any(gate.name == "export" and gate.verdict is Verdict.WAITING for gate in gates)
