"""The promotion cycle as a table of transitions over ``target.json``.

Pure, and the only place where the cycle is decided.

::

    Bootstrapping ──first base──▶ Streaming ──newer base──▶ Verifying ──verified──▶ RollingOut ──all answer──▶ Promoted
                                      ▲                         └────── a fact against it ─────┴──▶ Refused     │
                                      └───────────────────── no live pod elsewhere ─────────────────────┴───────┘

A state is read from the target and the live pods. An :class:`Event` is something that :class:`Facts` says is so.
``decide`` takes the first event that the state knows and gives the next target, to be written by compare-and-swap: each
transition happens once, whoever decides it. Nothing else of the operator changes the cycle.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tandem_wire.target import Promoted, Run, Target

from tandem_operator.api import CycleState as State


class Event(StrEnum):
    """Something that is so and may move the cycle, the most urgent first."""

    CHOSEN = "Chosen"
    """A person wants a base other than the one that the cycle goes for."""
    FORGIVEN = "Forgiven"
    """A person lifts a refusal."""
    AGAINST = "Against"
    """A fact about the candidate speaks against it."""
    FIRST_BASE = "FirstBase"
    NEWER_BASE = "NewerBase"
    RUN_DUE = "RunDue"
    CUT_DUE = "CutDue"
    PODS_CHANGED = "PodsChanged"
    """The pods that shall run the candidate are not those that are listed."""
    VERIFIED = "Verified"
    STEP_DONE = "StepDone"
    ALL_DONE = "AllDone"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the cycle decides on."""

    now: datetime
    taken: frozenset[int] = frozenset()
    """Numbers of all bases there ever were: retired and unreadable ones too."""
    usable: frozenset[int] = frozenset()
    """Bases that a pod could load."""
    live: tuple[int | None, ...] = ()
    """The base that each live pod answers from; None where that is not known."""
    chosen: int | None = None
    """The base that a person pinned, if it is usable."""
    hold: bool = False
    """No base becomes a candidate by itself: suspended, paused or pinned."""
    against: str | None = None
    verified: bool = False
    step_done: bool = False
    last_step: int = 1
    """Number of steps of a rollout; in the last one all pods run the candidate."""
    share: tuple[str, ...] = ()
    """The pods that shall run the candidate in the present step."""
    next_share: tuple[str, ...] = ()
    """The pods that shall run it in the next step."""
    may_start: bool = False
    """Whether a run is due, should none be at work."""
    run_due: datetime | None = None
    """What that run carries as its due time; None for one that starts as soon as it can."""
    cut_due: bool = False
    max_refusals: int = 3
    how: str = "Promotion"
    """How the history says that a candidate of now became stable: the mode."""
    lifted: frozenset[int] = frozenset()
    """Bases whose refusal a person lifts."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A transition: what happened, and the target that follows."""

    state: State
    event: Event
    target: Target
    why: str


def state_of(target: Target | None, live: tuple[int | None, ...]) -> State:
    """Tell where the cycle stands; without a target, or without a base that serves, it is still bootstrapping."""
    if target is None or target.stable is None:
        return State.BOOTSTRAPPING
    if target.candidate is not None:
        return State.VERIFYING if target.step == 0 else State.ROLLING_OUT
    elsewhere = {base for base in live if base is not None and base != target.stable}
    if elsewhere & set(target.refused):
        return State.REFUSED
    return State.PROMOTED if elsewhere else State.STREAMING


def running(target: Target, taken: frozenset[int]) -> Run | None:
    """Give the run that A works on: the one named in the target, until its base is durable."""
    return None if target.run is None or target.run.makes in taken else target.run


def candidates(target: Target, facts: Facts) -> frozenset[int]:
    """Give the bases that could follow the stable one: newer, usable, not refused."""
    stable = -1 if target.stable is None else target.stable
    return frozenset(number for number in facts.usable if number > stable and number not in target.refused)


def parent_of_next(target: Target, facts: Facts) -> int | None:
    """Give the base that the next run starts from.

    The newest, or the stable one after too many refusals or a person's roll-back.
    """
    if not facts.usable:
        return target.stable
    newest = max(facts.usable)
    stable = -1 if target.stable is None else target.stable
    row = sum(number in target.refused for number in facts.usable if number > stable)
    by_person = target.refused.get(newest, "").startswith(BY_PERSON)
    if newest in target.refused and (by_person or row >= facts.max_refusals):
        return target.stable
    return newest


BY_PERSON = "RolledBack"
"""How the reason of a refusal by a person begins."""

AGAIN = "Again"
"""How the reason begins of a refusal that came after a person had lifted one.

It is not lifted a second time by the same wish.
"""


def forgiven(target: Target, facts: Facts) -> frozenset[int]:
    """Give the refused bases whose refusal is to be lifted now."""
    return frozenset(
        number for number, why in target.refused.items() if number in facts.lifted and not why.startswith(AGAIN)
    )


def events(target: Target, facts: Facts) -> tuple[Event, ...]:
    """List what is so, the most urgent first; what a state makes of it stands in ``TRANSITIONS``."""
    active = running(target, facts.taken)
    happened = {
        Event.CHOSEN: facts.chosen is not None and facts.chosen != goal(target),
        Event.FORGIVEN: bool(forgiven(target, facts)),
        Event.AGAINST: target.candidate is not None and facts.against is not None,
        Event.FIRST_BASE: target.stable is None and bool(facts.usable),
        Event.NEWER_BASE: not facts.hold and bool(candidates(target, facts)),
        Event.RUN_DUE: active is None and facts.may_start,
        Event.CUT_DUE: active is not None and active.cut is None and facts.cut_due,
        Event.PODS_CHANGED: target.candidate is not None and facts.share != target.candidate_pods,
        Event.VERIFIED: target.candidate is not None and facts.verified,
        Event.STEP_DONE: facts.step_done and target.step < facts.last_step,
        Event.ALL_DONE: facts.step_done and target.step >= facts.last_step,
    }
    return tuple(event for event in Event if happened[event])


def goal(target: Target) -> int | None:
    """Give the base that the pods are on the way to."""
    return target.stable if target.candidate is None else target.candidate


def decide(target: Target, facts: Facts) -> Decision | None:
    """Give the next transition, or None when there is none to make now.

    Args:
      target: What the store holds; its revision is that of the observation.
      facts: What is so.
    """
    state = state_of(target, facts.live)
    for event in events(target, facts):
        move = TRANSITIONS.get((state, event))
        if move is None:
            continue
        after, why = move(target, facts)
        if after is not None:
            return Decision(state, event, replace(after, revision=target.revision + 1), why)
    return None


Moved = tuple[Target | None, str]
Move = Callable[[Target, Facts], Moved]


def _first(target: Target, facts: Facts) -> Moved:
    base = max(facts.usable)
    entry = Promoted(base=base, at=facts.now, how="Bootstrap")
    return replace(
        target, stable=base, since=facts.now, history=(*target.history, entry)
    ), f"base {base} is the first; it serves"


def _consider(target: Target, facts: Facts) -> Moved:
    base = max(candidates(target, facts))
    after = replace(target, candidate=base, candidate_pods=(), step=0, since=facts.now)
    return after, f"base {base} is durable and becomes the candidate"


def _refuse(target: Target, facts: Facts) -> Moved:
    if target.candidate is None or facts.against is None:
        return None, ""
    why = f"{AGAIN}: {facts.against}" if target.candidate in facts.lifted else facts.against
    refused = {**target.refused, target.candidate: why}
    after = replace(target, candidate=None, candidate_pods=(), step=0, since=facts.now, refused=refused)
    return after, f"base {target.candidate} is refused: {facts.against}"


def _forgive(target: Target, facts: Facts) -> Moved:
    lifted = forgiven(target, facts)
    refused = {number: why for number, why in target.refused.items() if number not in lifted}
    return replace(target, refused=refused), f"a person lifts the refusal of {', '.join(map(str, sorted(lifted)))}"


def _start_run(target: Target, facts: Facts) -> Moved:
    used = facts.taken | frozenset(target.refused) | ({target.run.makes} if target.run else frozenset())
    run = Run(parent=parent_of_next(target, facts), makes=1 + max(used, default=-1), due=facts.run_due, cut=None)
    return replace(
        target, run=run
    ), f"run {run.makes} starts from {'the stream' if run.parent is None else f'base {run.parent}'}"


def _cut(target: Target, facts: Facts) -> Moved:
    if target.run is None:
        return None, ""
    return replace(target, run=replace(target.run, cut=facts.now)), f"run {target.run.makes} is cut"


def _refill(target: Target, facts: Facts) -> Moved:
    return replace(target, candidate_pods=facts.share), f"{len(facts.share)} pods shall run the candidate"


def _next_step(target: Target, facts: Facts) -> Moved:
    after = replace(target, step=target.step + 1, since=facts.now, candidate_pods=facts.next_share)
    return after, f"base {target.candidate}: step {after.step} of {facts.last_step}, {len(facts.next_share)} pods"


def _promote(target: Target, facts: Facts) -> Moved:
    if target.candidate is None:
        return None, ""
    entry = Promoted(base=target.candidate, at=facts.now, how=facts.how)
    after = replace(
        target,
        stable=target.candidate,
        candidate=None,
        candidate_pods=(),
        step=0,
        since=facts.now,
        history=(*target.history, entry)[-HISTORY:],
    )
    return after, f"base {target.candidate} is promoted"


def _choose(target: Target, facts: Facts) -> Moved:
    """Follow a person's choice: older than stable is a roll-back at once.

    Newer becomes the candidate, a refusal of it being lifted.
    """
    chosen = facts.chosen
    if chosen is None or target.stable is None:
        return None, ""
    if chosen <= target.stable:
        return _roll_back(target, facts, chosen)
    withdrawn = replace(target, candidate=None, candidate_pods=(), step=0, since=facts.now)
    if target.candidate is not None:
        return withdrawn, f"base {target.candidate} makes way for {chosen}, which a person chose"
    if chosen in target.refused or state_of(target, facts.live) is not State.STREAMING:
        return None, ""
    return replace(withdrawn, candidate=chosen), f"base {chosen} becomes the candidate, chosen by a person"


def _roll_back(target: Target, facts: Facts, chosen: int) -> Moved:
    newer = {target.stable, target.candidate} - {None}
    newer |= {number for number in facts.taken if number > chosen} if chosen != target.stable else set()
    why = f"{BY_PERSON}: spec.rollout.base chose {chosen}"
    refused = {**{number: why for number in newer if number is not None and number > chosen}, **target.refused}
    history = target.history
    if chosen != target.stable:
        history = (*history, Promoted(base=chosen, at=facts.now, how="RollBack"))[-HISTORY:]
    refused.pop(chosen, None)
    after = replace(
        target,
        stable=chosen,
        candidate=None,
        candidate_pods=(),
        step=0,
        since=facts.now,
        refused=refused,
        history=history,
    )
    return after, f"rolled back to base {chosen} by a person"


HISTORY = 32
"""Entries of the history that are kept."""

TRANSITIONS: Mapping[tuple[State, Event], Move] = {
    (State.BOOTSTRAPPING, Event.FIRST_BASE): _first,
    (State.BOOTSTRAPPING, Event.RUN_DUE): _start_run,
    (State.BOOTSTRAPPING, Event.CUT_DUE): _cut,
    (State.STREAMING, Event.CHOSEN): _choose,
    (State.STREAMING, Event.FORGIVEN): _forgive,
    (State.STREAMING, Event.NEWER_BASE): _consider,
    (State.STREAMING, Event.RUN_DUE): _start_run,
    (State.STREAMING, Event.CUT_DUE): _cut,
    (State.VERIFYING, Event.CHOSEN): _choose,
    (State.VERIFYING, Event.AGAINST): _refuse,
    (State.VERIFYING, Event.RUN_DUE): _start_run,
    (State.VERIFYING, Event.VERIFIED): _next_step,
    (State.ROLLING_OUT, Event.CHOSEN): _choose,
    (State.ROLLING_OUT, Event.AGAINST): _refuse,
    (State.ROLLING_OUT, Event.RUN_DUE): _start_run,
    (State.ROLLING_OUT, Event.PODS_CHANGED): _refill,
    (State.ROLLING_OUT, Event.STEP_DONE): _next_step,
    (State.ROLLING_OUT, Event.ALL_DONE): _promote,
    (State.REFUSED, Event.CHOSEN): _choose,
    (State.REFUSED, Event.RUN_DUE): _start_run,
    (State.PROMOTED, Event.CHOSEN): _choose,
    (State.PROMOTED, Event.RUN_DUE): _start_run,
}
"""What each state makes of each event; a pair that is not named leaves the cycle as it is."""
