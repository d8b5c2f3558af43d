"""The cycle's table, over every pair of state and event."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from tandem_operator.api import CycleState as State
from tandem_operator.cycle import Event, decide, state_of
from tandem_operator.moves import HISTORY
from tandem_operator.observed import BaseView
from tandem_operator.premises import Facts, parent_of_next
from tandem_wire.target import Promoted, Run, Target

from tests.operator.builders import HOUR, NOW, base, table, target

PODS = ("p0", "p1")
PLAIN = Facts(now=NOW, taken=frozenset({0, 1}), usable=frozenset({0, 1}), live=(0, 0))
ACTIVE = Run(0, 2)

# One target and the live pods' bases for each state.
STATES = {
    State.BOOTSTRAPPING: (target(stable=None), ()),
    State.STREAMING: (target(), (0, 0)),
    State.VERIFYING: (target(candidate=1), (0, 0)),
    State.ROLLING_OUT: (target(candidate=1, step=1, candidate_pods=PODS), (1, 0)),
    State.REFUSED: (target(refused={1: "gate"}), (1, 0)),
    State.PROMOTED: (target(stable=1), (1, 0)),
}

# What makes an event happen, whatever the state: changes of the facts, changes of the target.
EVENTS: Mapping[Event, tuple[dict[str, Any], dict[str, Any]]] = {
    Event.CHOSEN: ({"chosen": 7, "usable": frozenset({0, 1, 7}), "taken": frozenset({0, 1, 7}), "hold": True}, {}),
    Event.FORGIVEN: ({"lifted": frozenset({9}), "hold": True}, {"refused": {9: "gate"}}),
    Event.AGAINST: ({"against": "gate auc: fell"}, {}),
    Event.FIRST_BASE: ({}, {}),
    Event.NEWER_BASE: ({"usable": frozenset({0, 1, 3}), "taken": frozenset({0, 1, 3})}, {}),
    Event.RUN_DUE: ({"may_start": True, "hold": True}, {}),
    Event.CUT_DUE: ({"cut_due": True, "hold": True}, {"run": ACTIVE}),
    Event.PODS_CHANGED: ({"share": ("p0", "p1", "p2"), "hold": True}, {}),
    Event.VERIFIED: ({"verified": True, "hold": True}, {}),
    Event.STEP_DONE: ({"step_done": True, "last_step": 2, "hold": True}, {}),
    Event.ALL_DONE: ({"step_done": True, "last_step": 1, "hold": True}, {}),
}

MOVES = {
    (State.BOOTSTRAPPING, Event.FIRST_BASE): "stable",
    (State.BOOTSTRAPPING, Event.RUN_DUE): "run",
    (State.BOOTSTRAPPING, Event.CUT_DUE): "run",
    (State.STREAMING, Event.CHOSEN): "candidate",
    (State.STREAMING, Event.FORGIVEN): "refused",
    (State.STREAMING, Event.NEWER_BASE): "candidate",
    (State.STREAMING, Event.RUN_DUE): "run",
    (State.STREAMING, Event.CUT_DUE): "run",
    (State.VERIFYING, Event.CHOSEN): "candidate",
    (State.VERIFYING, Event.AGAINST): "refused",
    (State.VERIFYING, Event.RUN_DUE): "run",
    (State.VERIFYING, Event.VERIFIED): "step",
    (State.ROLLING_OUT, Event.CHOSEN): "candidate",
    (State.ROLLING_OUT, Event.AGAINST): "refused",
    (State.ROLLING_OUT, Event.RUN_DUE): "run",
    (State.ROLLING_OUT, Event.PODS_CHANGED): "candidate_pods",
    (State.ROLLING_OUT, Event.STEP_DONE): "step",
    (State.ROLLING_OUT, Event.ALL_DONE): "stable",
    (State.REFUSED, Event.RUN_DUE): "run",
    (State.PROMOTED, Event.RUN_DUE): "run",
}
"""What changes; every other pair leaves the target as it is. A newer base is chosen once all pods are on stable."""


def after_of(here: Target, facts: Facts) -> Target:
    decision = decide(here, facts)
    assert decision is not None
    return decision.target


def pair(state: State, event: Event) -> tuple[Target, Facts]:
    here, live = STATES[state]
    facts, changes = EVENTS[event]
    changed = replace(PLAIN, **{"live": live, "share": here.candidate_pods, "hold": True, **facts})
    if event is Event.NEWER_BASE:
        changed = replace(changed, hold=False)
    if state is State.BOOTSTRAPPING and event is not Event.FIRST_BASE:
        changed = replace(changed, usable=frozenset(), taken=frozenset(), chosen=None)
    return replace(here, **changes), changed


def test_every_state_is_what_it_says():
    for state, (here, live) in STATES.items():
        assert state_of(here, live) is state
    assert state_of(None, ()) is State.BOOTSTRAPPING


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)), ids=str)
def test_every_pair_of_state_and_event(state, event):
    here, facts = pair(state, event)
    decision = decide(here, facts)
    changed = MOVES.get((state, event))
    if changed is None:
        assert decision is None or decision.event is not event
        return
    assert decision is not None
    assert (decision.state, decision.event) == (state, event)
    assert getattr(decision.target, changed) != getattr(here, changed)
    assert decision.target.revision == here.revision + 1
    assert decision.why


def test_nothing_happens_without_an_event():
    for here, live in STATES.values():
        if here.stable is None:
            continue
        assert decide(here, replace(PLAIN, live=live, share=here.candidate_pods, hold=True)) is None


def test_the_first_base_serves():
    after = after_of(target(stable=None), replace(PLAIN, live=()))
    assert (after.stable, after.history) == (1, (Promoted(1, NOW, "Bootstrap"),))


def test_a_refused_base_is_remembered_with_its_reason_and_never_a_candidate_again():
    after = after_of(target(candidate=1), replace(PLAIN, against="gate auc.ctr: fell by 0.1"))
    assert (after.candidate, after.step, after.candidate_pods) == (None, 0, ())
    assert after.refused == {1: "gate auc.ctr: fell by 0.1"}
    assert decide(after, PLAIN) is None


def test_promotion_ends_the_rollout_and_stands_in_the_history():
    here = target(candidate=1, step=1, candidate_pods=PODS)
    after = after_of(here, replace(PLAIN, live=(1, 1), share=PODS, step_done=True, last_step=1, how="Daily"))
    assert (after.stable, after.candidate, after.candidate_pods, after.step) == (1, None, (), 0)
    assert after.history[-1] == Promoted(1, NOW, "Daily")


@table(
    "taken refused run expected",
    [
        ("the first number after the bases", {0, 1}, {}, None, 2),
        ("refused numbers are used up", {0, 1}, {5: "gate"}, None, 6),
        ("retired bases stay in the store as marks", {0, 1, 9}, {}, Run(0, 1), 10),
    ],
)
def test_numbers_are_never_used_twice(taken, refused, run, expected):
    facts = replace(PLAIN, taken=frozenset(taken), may_start=True, hold=True)
    after = after_of(target(refused=refused, run=run), facts)
    assert after.run is not None
    assert after.run.makes == expected


@table(
    "usable refused expected",
    [
        ("the newest base", {0, 1}, {}, 1),
        ("the newest even if refused, at first", {0, 1}, {1: "gate"}, 1),
        ("stable after too many refusals in a row", {0, 1, 2}, {1: "gate", 2: "gate"}, 0),
        ("stable at once after a roll-back by a person", {0, 1}, {1: "RolledBack: by a person"}, 0),
        ("none in an empty store", set(), {}, 0),
    ],
)
def test_the_parent_of_the_next_run(usable, refused, expected):
    facts = replace(PLAIN, usable=frozenset(usable), max_refusals=2)
    assert parent_of_next(target(refused=refused), facts) == expected


def test_a_roll_back_refuses_all_that_is_newer_at_once_in_any_state():
    facts = Facts(now=NOW, taken=frozenset({0, 1, 2}), usable=frozenset({0, 1, 2}), live=(1, 2), chosen=0, hold=True)
    for here in (target(stable=1), target(stable=1, candidate=2), target(stable=1, candidate=2, step=1)):
        after = after_of(here, facts)
        assert (after.stable, after.candidate) == (0, None)
        assert set(after.refused) == {1, 2}
        assert all(why.startswith("RolledBack") for why in after.refused.values())
        assert after.history[-1] == Promoted(0, NOW, "RollBack")


def test_pinning_stable_stops_the_rollout_by_refusing_its_candidate():
    after = after_of(target(candidate=1, step=1, candidate_pods=PODS), replace(PLAIN, chosen=0, hold=True))
    assert (after.stable, after.candidate, set(after.refused)) == (0, None, {1})


def test_a_chosen_base_is_refused_once_more_only_for_what_cannot_be_served():
    chosen = replace(PLAIN, chosen=1, hold=True, lifted=frozenset({1}))
    forgiven = after_of(target(refused={1: "gate"}), chosen)
    assert forgiven.refused == {}
    candidate = after_of(forgiven, chosen)
    assert candidate.candidate == 1
    refused = after_of(candidate, replace(chosen, against="an object is missing"))
    assert refused.refused == {1: "Again: an object is missing"}
    assert decide(refused, chosen) is None


def test_the_history_keeps_the_newest():
    entries = tuple(Promoted(n, NOW - HOUR, "Promotion") for n in range(40))
    here = target(candidate=41, step=1, candidate_pods=PODS, history=entries)
    facts = Facts(now=NOW, taken=frozenset({41}), usable=frozenset({41}), live=(41,), share=PODS, step_done=True)
    after = after_of(here, facts)
    assert len(after.history) == HISTORY
    assert after.history[-1].base == 41


def test_a_base_that_cannot_be_read_is_not_usable():
    assert not BaseView(1, fault="checkpoints/1: torn").usable
    assert not base(1, retired=True).usable
