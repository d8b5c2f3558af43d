"""How a candidate reaches the pods, as values and pure functions.

Who shall run it in a step, whether the step is done, what speaks against the candidate. The cycle decides what follows.

::

    step 0            verifying: no pod is listed
    step 1 … n        the steps of spec.rollout.steps, each with its share of the pods and its hold
    step n + 1        all pods
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem_wire.report import CandidateState
from tandem_wire.target import Target

from tandem_operator.api import Rollout
from tandem_operator.observed import PodView


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the rollout of a candidate stands."""

    share: tuple[str, ...] = ()
    next_share: tuple[str, ...] = ()
    steps: int = 1
    done: bool = False
    against: str | None = None
    on_candidate: int = 0
    waits_until: datetime | None = None
    """When a hold or a deadline ends."""
    doing: str = ""
    """For people: what the step waits for."""


def look(target: Target, spec: Rollout, pods: Sequence[PodView], watching_since: datetime, now: datetime) -> Progress:
    """Judge the present step.

    Args:
      target: with a candidate.
      spec: steps and deadline.
      pods: all serving pods there are, ending ones included: they answer until they are gone.
      watching_since: since when observing was not interrupted.
      now: the wall clock.
    """
    steps = len(spec.steps) + 1
    share = _share(target, spec, pods, target.step)
    base = target.candidate
    listed = [pod for pod in pods if pod.name in share]
    live = [pod for pod in listed if pod.live]
    hold = spec.steps[target.step - 1].hold if 1 <= target.step <= len(spec.steps) else timedelta()
    deadline = max(target.since, watching_since) + hold + spec.progress_deadline
    held_until = target.since + hold
    behind = [pod.name for pod in live if pod.base != base]
    # A pod that could not be asked is behind, but that is no fact about the candidate.
    elsewhere = [pod.name for pod in live if pod.base not in (base, None)]
    coming = [pod.name for pod in listed if pod.running and not pod.live]
    answer = not behind and (bool(live) or not pods)
    overdue = now >= deadline
    done = target.step > 0 and answer and now >= held_until and (not coming or overdue) and not spec.paused
    return Progress(
        share=share,
        next_share=_share(target, spec, pods, target.step + 1),
        steps=steps,
        done=done,
        against=_against(target, listed, elsewhere, coming, overdue=overdue and not spec.paused),
        on_candidate=sum(pod.base == base for pod in pods if pod.live),
        waits_until=min((at for at in (held_until, deadline) if at > now), default=None),
        doing=_doing(behind, coming, held_until if answer and now < held_until else None, paused=spec.paused),
    )


def _share(target: Target, spec: Rollout, pods: Sequence[PodView], step: int) -> tuple[str, ...]:
    """List the pods of a step: those that are listed already stay, so that no pod goes back and forth."""
    if step == 0:
        return ()
    names = sorted(pod.name for pod in pods)
    count = len(names) if step > len(spec.steps) else spec.steps[step - 1].pods.of(len(names))
    kept = [name for name in names if name in target.candidate_pods]
    fresh = [name for name in names if name not in target.candidate_pods]
    return tuple(sorted((kept + fresh)[: max(count, len(kept))]))


def _against(
    target: Target, listed: Sequence[PodView], elsewhere: Sequence[str], coming: Sequence[str], *, overdue: bool
) -> str | None:
    for pod in listed:
        seen = pod.report.candidate if pod.report is not None else None
        if seen is not None and seen.base == target.candidate and seen.state is CandidateState.FAILED:
            return f"pod {pod.name} cannot load it: {seen.reason}"
    if target.step == 0 or not overdue:
        return None
    ended = [
        pod.name for pod in listed if pod.name in coming and pod.restarted is not None and pod.restarted >= target.since
    ]
    if elsewhere:
        return f"{', '.join(elsewhere)} did not answer from it within the deadline"
    return f"{', '.join(ended)} ended while loading it" if ended else None


def _doing(behind: Sequence[str], coming: Sequence[str], held_until: datetime | None, *, paused: bool) -> str:
    if paused:
        return "paused by spec.rollout.paused"
    if behind:
        return f"waiting for {', '.join(behind)} to answer from it"
    if coming:
        return f"waiting for {', '.join(coming)} to start"
    return f"holding until {held_until:%H:%M:%S}" if held_until is not None else "all pods of the step answer from it"
