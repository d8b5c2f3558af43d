"""Every interleaving of the cycle, with the operator's real plan.

Model A, Model B, pods and operators die, linger and act late.

Actors: A (works on the run named in the target, makes its base only after it read ``cut``, may write it long after,
dies), updaters B (die), two pods (follow the target at their own pace, restart), operators that take a snapshot, sleep
for any time, then carry out the first action of their plan for it: one of them may be a stale leader, each may be
killed between any two calls. Gates pass or refuse at every look; the mode is Promotion or Daily at every look, and a
Daily run is due or not. The model begins with an empty store.

What must hold in every state: target names durable bases only, none that was refused; no number is made twice; a base
becomes stable only when every live pod answers from it; and from every state the end can be reached, where the best
base is stable and all pods answer from it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from tandem_operator import ownership
from tandem_operator.actions import CreateJob, DeleteJob, WriteTarget
from tandem_operator.api import OnlineModel
from tandem_operator.children import Child
from tandem_operator.jobs import Wanted
from tandem_operator.observed import Memory, Observed, StoreView
from tandem_operator.plan import advance
from tandem_wire.records import Window
from tandem_wire.target import Run, Target

from tests.operator import builders
from tests.operator.builders import NOW, OLD

PODS = ("p0", "p1")
DOWN = -1
NAN = float("nan")

# A run is (parent, makes, cut, Daily); a target (stable, candidate, pods listed, refused, run); a snapshot is what
# `decided` takes.
RunKey = tuple[int | None, int, bool, bool]
TargetKey = tuple[int | None, int | None, int, frozenset[int], RunKey | None]
Action = tuple[str, Any]


@dataclass(frozen=True)
class World:
    """The parameters of one exploration."""

    handoff: str
    operators: int
    bases: int
    compare: bool = True
    """Whether writes of the target compare its version; without, the exploration must find a fault."""


@cache
def model(handoff: str, mode: str) -> OnlineModel:
    rollout = {"steps": [{"pods": 1, "hold": "0s"}], "maxRefusals": 1}
    spec = {
        "mode": mode,
        "promotion": {"handoff": handoff, "swapEvery": "3h"},
        "rollout": rollout,
    }
    return builders.online_model(spec)


def real(key: TargetKey) -> Target:
    stable, candidate, moved, refused, run = key
    known = None if run is None else Run(run[0], run[1], NOW if run[3] else None, NOW if run[2] else None)
    return builders.target(
        stable=stable,
        candidate=candidate,
        candidate_pods=PODS[:moved],
        step=moved,
        since=NOW,
        refused=dict.fromkeys(refused, "refused"),
        run=known,
    )


def key_of(target: Target) -> TargetKey:
    assert target.step == len(target.candidate_pods)
    run = target.run
    known = None if run is None else (run.parent, run.makes, run.cut is not None, run.due is not None)
    return target.stable, target.candidate, len(target.candidate_pods), frozenset(target.refused), known


@cache
def decided(world: World, snapshot: tuple[Any, ...]) -> Action | None:
    """Ask the real plan for its first action at a snapshot."""
    bases, target, pods, b_jobs, a_job, gate, mode, due = snapshot
    candidate, run = target[1], target[4]
    next_number = 1 + max([number for number, _ in bases] + list(target[3]) + ([run[1]] if run else []), default=-1)
    idle = run is None or any(number == run[1] for number, _ in bases)
    # Daily with a base of now: no run is due, neither by the day nor because the numbers of this exploration are used
    # up.
    asleep = bool(bases) and idle and ((mode == "Daily" and not due) or next_number > world.bases)
    here = model(world.handoff, "Daily" if asleep else mode)
    created = NOW if asleep else OLD
    bad = Window("ctr", OLD, OLD, 10, 5, None, NAN, NAN)
    views = [
        builders.base(number, created=created, windows=(bad,) if gate == "refuse" and number == candidate else ())
        for number, _ in bases
    ]
    jobs = [builders.job(child_of(here, number)) for number in b_jobs]
    runs = {}
    if a_job is not None:
        claimed = NOW - timedelta(hours=4) if due else NOW
        jobs.append(builders.job(child_of(here, a_job[1], _run(a_job))))
        runs = {a_job[1]: builders.log(a_job[1], claimed=claimed)}
    store = StoreView(
        target=None if target == EMPTY else real(target),
        etag=None if target == EMPTY else "etag",
        bases={view.number: view for view in views},
        updates={number: builders.log(number) for number in b_jobs},
        runs=runs,
    )
    running = tuple(builders.pod(name, None if at == DOWN else at) for name, at in zip(PODS, pods, strict=True))
    seen = Observed(builders.CLUSTER, store, Memory(NOW), jobs=tuple(jobs), pods=running)
    if store.target is None:
        claim = ownership.claim(here, store, builders.CLUSTER, NOW)
        assert claim.take is not None
        return "target", key_of(claim.take)
    on = advance(here, seen, store.target, rendered, NOW)
    if on.decision is not None:
        return "target", key_of(on.decision.target)
    return next((known for known in map(_action, on.work) if known is not None), None)


def rendered(here: OnlineModel, _store: StoreView, target: Target, want: Wanted) -> dict[str, Child]:
    """Render the wanted trainers, each once for all states."""
    run = target.run if want.run is not None else None
    found = [child_of(here, number) for number in want.lineages]
    found += [child_of(here, run.makes, Run(run.parent, run.makes, run.due))] if run is not None else []
    return {child.name: child for child in found}


@cache
def _rendered(handoff: str, number: int, run: Run | None) -> Child:
    here = model(handoff, "Promotion")
    return builders.b_child(here, number, builders.base(number)) if run is None else builders.a_child(here, run)


def child_of(here: OnlineModel, number: int, run: Run | None = None) -> Child:
    return _rendered(here.spec.promotion.handoff.value, number, run)


def _run(key: tuple[int | None, int, bool]) -> Run:
    return Run(key[0], key[1], NOW if key[2] else None)


def _action(action: object) -> Action | None:
    match action:
        case WriteTarget():
            return "target", key_of(action.target)
        case CreateJob():
            role, number = action.child.name.split("-")[1:]
            return f"start_{role}", int(number)
        case DeleteJob():
            role, number = action.name.split("-")[1:]
            return f"end_{role}", int(number)
    return None


EMPTY: TargetKey = (None, None, -1, frozenset(), None)
"""No target.json."""
START: tuple[Any, ...] = (frozenset(), EMPTY, 0, (DOWN,) * len(PODS), frozenset(), None, False)
State = tuple[Any, ...]


def successors(world: World, s: State) -> Iterator[State]:  # noqa: C901 - one branch per actor
    """Give every state that one step of one actor leads to."""
    bases, target, version, pods, b_jobs, a_job, a_saw, ops, fault = s
    stable, candidate, moved, _, run = target
    if a_job is not None:
        yield (bases, target, version, pods, b_jobs, None, False, ops, fault)
        if not a_saw and run is not None and (run[0], run[1], run[3]) == a_job and run[2]:
            yield (bases, target, version, pods, b_jobs, a_job, True, ops, fault)
        if a_saw:
            twice = any(number == a_job[1] and parent != a_job[0] for number, parent in bases)
            found = fault or ("a number made twice" if twice else None)
            yield (bases | {(a_job[1], a_job[0])}, target, version, pods, b_jobs, None, False, ops, found)
    for i, at in enumerate(pods):
        goal = candidate if candidate is not None and i < moved else stable
        if at != goal and goal is not None:
            yield (bases, target, version, (*pods[:i], goal, *pods[i + 1 :]), b_jobs, a_job, a_saw, ops, fault)
        if at != DOWN:
            yield (bases, target, version, (*pods[:i], DOWN, *pods[i + 1 :]), b_jobs, a_job, a_saw, ops, fault)
    for number in b_jobs:
        yield (bases, target, version, pods, b_jobs - {number}, a_job, a_saw, ops, fault)
    for i, op in enumerate(ops):
        if op is None:
            for action in looks(world, s):
                yield (*s[:7], (*ops[:i], (version, action), *ops[i + 1 :]), fault)
        else:
            yield carried_out(world, s, i)


def looks(world: World, s: State) -> set[Action]:
    """Give what operators may decide at a state, whatever gates, clock and mode say."""
    bases, target, _, pods, b_jobs, a_job, _, _, _ = s
    run = target[4]
    idle = run is None or any(number == run[1] for number, _ in bases)
    clocks: tuple[tuple[str, bool], ...] = (("Promotion", True),)
    if idle:
        clocks = (("Promotion", True), ("Daily", True), ("Daily", False))
    elif not run[2] and a_job is not None:
        clocks = (("Promotion", True), ("Promotion", False), ("Daily", True))
    found = set()
    for gate in ("pass", "refuse") if target[1] is not None else ("pass",):
        for mode, due in clocks:
            action = decided(world, (bases, target, pods, b_jobs, a_job, gate, mode, due))
            if action is not None:
                found.add(action)
    return found


def carried_out(world: World, s: State, i: int) -> State:
    """Carry out what an operator decided, perhaps long ago."""
    bases, target, version, pods, b_jobs, a_job, a_saw, ops, fault = s
    seen, (kind, value) = ops[i]
    rest = (*ops[:i], None, *ops[i + 1 :])
    match kind:
        case "start_b":
            return (bases, target, version, pods, b_jobs | {value}, a_job, a_saw, rest, fault)
        case "end_b":
            return (bases, target, version, pods, b_jobs - {value}, a_job, a_saw, rest, fault)
        case "end_a":
            ends = a_job is not None and a_job[1] == value
            return (*s[:5], None if ends else a_job, a_saw and not ends, rest, fault)
        case "start_a":
            run = target[4]
            # A Job's name is its run's: who is late finds another in its place, or makes one for a run that is over.
            begins = a_job is None and run is not None and run[1] == value
            return (*s[:5], (run[0], run[1], run[3]) if begins else a_job, a_saw and not begins, rest, fault)
    if seen != version and world.compare:
        return (*s[:7], rest, fault)
    wrong = value[0] != target[0] and target[0] is not None and any(at not in (DOWN, value[0]) for at in pods)
    found = fault or ("stable before every live pod answered from it" if wrong else None)
    return (bases, value, version + 1, pods, b_jobs, a_job, a_saw, rest, found)


def wrong_in(s: State) -> str | None:
    """Say what must never be and is."""
    bases, (stable, candidate, _, refused, _), *_, fault = s
    durable = {number for number, _ in bases}
    if (stable is not None and stable not in durable) or (candidate is not None and candidate not in durable):
        return "the target names a base that is not durable"
    if stable in refused or candidate in refused:
        return "a refused base is in use"
    return None if fault is None else str(fault)


def at_goal(world: World, s: State) -> bool:
    bases, (stable, candidate, _, refused, _), _, pods, b_jobs, *_ = s
    numbers = {number for number, _ in bases}
    if not numbers or max(numbers) != world.bases:
        return False
    best = max((number for number in numbers if number not in refused), default=None)
    return candidate is None and stable == best and all(at == stable for at in pods) and b_jobs == {stable}


def explore(world: World) -> tuple[int, str | None, int]:
    """Visit every state; returns their number, the first fault, and how many cannot reach the goal."""
    start = (*START, (None,) * world.operators, None)
    seen: dict[State, int] = {start: 0}
    back: list[list[int]] = [[]]
    order: deque[State] = deque([start])
    limit = 8 * world.bases + 12
    while order:
        s = order.popleft()
        fault = wrong_in(s)
        if fault is not None:
            return len(seen), fault, 0
        for t in successors(world, s):
            if t[2] > limit:
                continue
            if t not in seen:
                seen[t] = len(seen)
                back.append([])
                order.append(t)
            back[seen[t]].append(seen[s])
    states = list(seen)
    live = {n for n, s in enumerate(states) if at_goal(world, s)}
    todo = deque(live)
    while todo:
        for n in back[todo.popleft()]:
            if n not in live:
                live.add(n)
                todo.append(n)
    stuck = [s for n, s in enumerate(states) if n not in live and s[2] <= limit - 8]
    return len(seen), None, len(stuck)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("handoff", "operators", "bases"), [("Overlap", 1, 2), ("Pause", 1, 2), ("Overlap", 2, 1), ("Pause", 2, 1)]
)
def test_every_interleaving_is_safe_and_can_end_well(handoff, operators, bases):
    states, fault, stuck = explore(World(handoff, operators, bases))
    assert fault is None
    assert stuck == 0
    assert states > 2_000


@pytest.mark.parametrize("handoff", ["Overlap", "Pause"])
def test_without_compare_and_swap_the_exploration_finds_a_fault(handoff):
    _, fault, _ = explore(World(handoff, operators=2, bases=1, compare=False))
    assert fault is not None
