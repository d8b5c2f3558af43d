"""What a pod shall do next: pure decisions over the target, the pod's name and what it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tandem_wire.report import CandidateReport, CandidateState
from tandem_wire.target import Target


@dataclass(frozen=True, slots=True)
class Failure:
    """A base that could not be loaded.

    Args:
      reason: a sentence.
      again: when to try again, in seconds of a clock that never jumps; None: not while the target names this base,
        since its bytes will not change.
    """

    reason: str
    again: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What a pod holds at one instant."""

    serving: int | None = None
    """The base that it answers from."""
    loaded: frozenset[int] = frozenset()
    """Bases in memory, warm; the one that it answers from among them."""
    loading: int | None = None
    failed: Mapping[int, Failure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Next:
    """What to do now; each part may be empty."""

    publish: int | None = None
    """Answer from this base; it is loaded."""
    load: int | None = None
    """Load this base beside the others; nothing else is loading."""
    drop: frozenset[int] = frozenset()
    """Let go of these bases."""
    forget: frozenset[int] = frozenset()
    """Forget that these failed: the target does not name them any more."""


def decide(target: Target | None, pod: str, held: Held, now: float) -> Next:
    """Decide what a pod does next (FORMAT.md, target.json).

    A pod answers from the candidate if it is listed, else from the stable base. While it is listed it holds the stable
    base too, so that going back is one pointer swap. Whatever fails to load, it goes on with what it answers from;
    with nothing to answer from, a listed pod takes the stable base. Without a target, or with one that names no base,
    nothing changes.
    """
    wanted = None if target is None else target.base_for(pod)
    if target is None or wanted is None:
        return Next()
    order = _order(target, wanted)
    publish = _publish(order, wanted, held)
    answering = held.serving if publish is None else publish
    keep = {*order, answering}
    named = {target.stable, target.candidate}
    return Next(
        publish=publish,
        load=_load(order, held, now),
        drop=frozenset(base for base in held.loaded if base not in keep),
        forget=frozenset(base for base in held.failed if base not in named),
    )


def candidate(target: Target | None, pod: str, held: Held) -> CandidateReport | None:
    """Say how far this pod is with the candidate; None when it has nothing to do with one."""
    if target is None or target.candidate is None:
        return None
    base = target.candidate
    failure = held.failed.get(base)
    if base in held.loaded:
        return CandidateReport(base, CandidateState.WARM)
    if failure is not None and failure.again is None:
        return CandidateReport(base, CandidateState.FAILED, failure.reason)
    if target.base_for(pod) == base or held.loading == base:
        return CandidateReport(base, CandidateState.LOADING, "" if failure is None else failure.reason)
    return None


def labels(target: Target | None) -> dict[str, int]:
    """Say which base goes by which label; a pod answers for those that it holds."""
    if target is None:
        return {}
    named = {"stable": target.stable, "candidate": target.candidate}
    return {label: base for label, base in named.items() if base is not None}


def _order(target: Target, wanted: int) -> tuple[int, ...]:
    """The bases to hold, the most wanted first."""
    spare = target.stable
    return (wanted,) if spare is None or spare == wanted else (wanted, spare)


def _publish(order: tuple[int, ...], wanted: int, held: Held) -> int | None:
    if wanted in held.loaded:
        return None if held.serving == wanted else wanted
    if held.serving is not None:
        return None
    return next((base for base in order if base in held.loaded), None)


def _load(order: tuple[int, ...], held: Held, now: float) -> int | None:
    if held.loading is not None:
        return None
    return next((base for base in order if base not in held.loaded and _may_try(held.failed.get(base), now)), None)


def _may_try(failure: Failure | None, now: float) -> bool:
    return failure is None or (failure.again is not None and failure.again <= now)
