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

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tandem_wire.target import Target

from tandem_operator import moves
from tandem_operator.api import CycleState as State
from tandem_operator.premises import Facts, candidates, forgiven, goal, running


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


TRANSITIONS: Mapping[tuple[State, Event], moves.Move] = {
    (State.BOOTSTRAPPING, Event.FIRST_BASE): moves.first,
    (State.BOOTSTRAPPING, Event.RUN_DUE): moves.start_run,
    (State.BOOTSTRAPPING, Event.CUT_DUE): moves.cut,
    (State.STREAMING, Event.CHOSEN): moves.choose,
    (State.STREAMING, Event.FORGIVEN): moves.forgive,
    (State.STREAMING, Event.NEWER_BASE): moves.consider,
    (State.STREAMING, Event.RUN_DUE): moves.start_run,
    (State.STREAMING, Event.CUT_DUE): moves.cut,
    (State.VERIFYING, Event.CHOSEN): moves.make_way,
    (State.VERIFYING, Event.AGAINST): moves.refuse,
    (State.VERIFYING, Event.RUN_DUE): moves.start_run,
    (State.VERIFYING, Event.VERIFIED): moves.next_step,
    (State.ROLLING_OUT, Event.CHOSEN): moves.make_way,
    (State.ROLLING_OUT, Event.AGAINST): moves.refuse,
    (State.ROLLING_OUT, Event.RUN_DUE): moves.start_run,
    (State.ROLLING_OUT, Event.PODS_CHANGED): moves.refill,
    (State.ROLLING_OUT, Event.STEP_DONE): moves.next_step,
    (State.ROLLING_OUT, Event.ALL_DONE): moves.promote,
    (State.REFUSED, Event.CHOSEN): moves.go_back,
    (State.REFUSED, Event.RUN_DUE): moves.start_run,
    (State.PROMOTED, Event.CHOSEN): moves.go_back,
    (State.PROMOTED, Event.RUN_DUE): moves.start_run,
}
"""What each state makes of each event; a pair that is not named leaves the cycle as it is."""
