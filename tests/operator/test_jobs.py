"""Which trainers shall be, and what is done about those that are."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tandem_operator.actions import CreateJob, DeleteJob
from tandem_operator.api import CycleState as State
from tandem_operator.api import Handoff
from tandem_operator.jobs import HEALTHY, Wanted, Wish, remember, steps, unreadable, wanted
from tandem_operator.observed import Failures, JobPhase, Memory
from tandem_wire.report import Fault, Termination
from tandem_wire.target import Run

from tests.operator.builders import (
    HOUR,
    MINUTE,
    MODEL,
    NOW,
    OLD,
    RUN,
    SECOND,
    a_child,
    b_child,
    job,
    log,
    observed,
    pod,
    refusal,
    report,
    table,
    target,
)

OVERLAP, PAUSE = Wish(Handoff.OVERLAP), Wish(Handoff.PAUSE)


@table(
    "here state pods wish expected",
    [
        ("bootstrapping: A only", target(stable=None, run=Run(None, 0)), State.BOOTSTRAPPING, [], OVERLAP, (0, set())),
        ("streaming", target(run=RUN), State.STREAMING, [0, 0], OVERLAP, (1, {0})),
        ("streaming, Pause", target(run=RUN), State.STREAMING, [0, 0], PAUSE, (1, {0})),
        ("a candidate, Overlap: both", target(candidate=2), State.VERIFYING, [0, 0], OVERLAP, (None, {0, 2})),
        ("a candidate, Pause: none", target(candidate=2), State.VERIFYING, [0, 0], PAUSE, (None, set())),
        ("pods on their way: for each base", target(stable=2), State.PROMOTED, [0, 2], OVERLAP, (None, {0, 2})),
        ("pods on their way, Pause: stable", target(stable=2), State.PROMOTED, [0, 2], PAUSE, (None, {2})),
        ("a durable run is over", target(run=Run(None, 0)), State.STREAMING, [0], OVERLAP, (None, {0})),
        ("suspended", target(run=RUN), State.STREAMING, [0], replace(OVERLAP, suspend=True), (None, set())),
        (
            "suspended: a rollout finishes",
            target(run=RUN, candidate=2),
            State.ROLLING_OUT,
            [0],
            replace(OVERLAP, suspend=True),
            (None, {0, 2}),
        ),
    ],
)
def test_which_trainers_shall_be(here, state, pods, wish, expected):
    running = [pod(f"p{n}", serving) for n, serving in enumerate(pods)]
    taken = frozenset() if here.stable is None else frozenset({0, 2})
    want = wanted(here, state, running, taken, wish)
    assert (want.run, set(want.lineages)) == expected


def test_while_a_pod_cannot_be_asked_no_updater_is_ended():
    silent = [pod("p0", 2), pod("p1", None, ready=True)]
    want = wanted(target(stable=2), State.PROMOTED, silent, frozenset({0, 2}), OVERLAP)
    assert want.keep == frozenset({0, 2})
    seen = observed(MODEL, jobs=(job(b_child(MODEL, 0)), job(b_child(MODEL, 2))))
    assert steps(want, {"search-b-2": b_child(MODEL, 2)}, seen, NOW) == ((), None)


B0 = b_child(MODEL, 0)
A1 = a_child(MODEL, RUN)
BOTH = {B0.name: B0, A1.name: A1}
WANT = Wanted(1, frozenset({0}))


def failures(
    count: int, ago: timedelta, child=B0, kind: Fault | None = None, phase=JobPhase.FAILED
) -> dict[str, Failures]:
    said = None if kind is None else Termination(kind, "Because", "Do this.")
    return {child.name: Failures(count, NOW - ago, f"uid-{child.name}", phase, said, child.fingerprint)}


@table(
    "jobs memory expected",
    [
        ("nothing there: both are made", (), {}, ["create search-b-0", "create search-a-1"]),
        ("both there", (job(B0), job(A1)), {}, []),
        ("one is being deleted: wait", (job(B0, deleting=True), job(A1)), {}, []),
        ("one too many", (job(B0), job(A1), job(b_child(MODEL, 7))), {}, ["delete search-b-7"]),
        ("B changed: anew", (job(B0, fingerprint="other"), job(A1)), {}, ["delete search-b-0"]),
        ("A changed while at work: not before it is made anew", (job(B0), job(A1, fingerprint="other")), {}, []),
        (
            "A changed and never began: anew",
            (job(B0), job(A1, fingerprint="other", started=None)),
            {},
            ["delete search-a-1"],
        ),
        (
            "B ended well though wanted: anew at once",
            (job(B0, phase=JobPhase.SUCCEEDED), job(A1)),
            failures(1, SECOND / 10, phase=JobPhase.SUCCEEDED),
            ["delete search-b-0"],
        ),
        ("B failed: a pause", (job(B0, phase=JobPhase.FAILED), job(A1)), failures(1, SECOND / 2), []),
        (
            "B failed: the pause is over",
            (job(B0, phase=JobPhase.FAILED), job(A1)),
            failures(1, SECOND),
            ["delete search-b-0"],
        ),
        ("B failed often: a long pause", (job(B0, phase=JobPhase.FAILED), job(A1)), failures(9, MINUTE / 2), []),
        ("its Job is gone: the pause holds", (job(A1),), failures(9, MINUTE / 2), []),
        (
            "a user's error: a longer pause",
            (job(B0, phase=JobPhase.FAILED), job(A1)),
            failures(1, SECOND * 2, kind=Fault.USER),
            [],
        ),
        (
            "a user's error, and the spec changed: at once",
            (job(B0, phase=JobPhase.FAILED, fingerprint="other"), job(A1)),
            {"search-b-0": replace(failures(9, SECOND, kind=Fault.USER)["search-b-0"], fingerprint="other")},
            ["delete search-b-0"],
        ),
    ],
)
def test_what_is_done(jobs, memory, expected):
    seen = observed(MODEL, jobs=jobs, memory={"failures": memory})
    actions, later = steps(WANT, BOTH, seen, NOW)
    names = []
    for action in actions:
        if isinstance(action, CreateJob):
            names.append(f"create {action.child.name}")
        if isinstance(action, DeleteJob):
            names.append(f"delete {action.name}")
            assert action.uid == f"uid-{action.name}"
    assert names == expected
    waits = not expected and any(known.last + 2 * MINUTE > NOW for known in memory.values())
    assert (later is not None) == waits


def test_the_job_of_the_last_run_stays_for_its_log_until_there_is_another():
    done = job(a_child(MODEL, Run(None, 0)), phase=JobPhase.SUCCEEDED)
    seen = observed(MODEL, jobs=(done, job(B0)))
    assert steps(Wanted(None, frozenset({0})), {B0.name: B0}, seen, NOW)[0] == ()
    ended = steps(WANT, BOTH, observed(MODEL, jobs=(done, job(B0), job(A1))), NOW)[0]
    assert [action.name for action in ended if isinstance(action, DeleteJob)] == ["search-a-0"]


def sick(*records: str):
    return (pod("p0", 0, report=report("p0", 0, refused=tuple(refusal(record) for record in records))),)


@table(
    "pods view remade expected",
    [
        ("nothing refused", sick(), log(0), set(), {}),
        ("one", sick("updates/0/204"), log(0), set(), {0: 204}),
        ("the last of several", sick("updates/0/204", "updates/0/206"), log(0), set(), {0: 206}),
        ("healed by a keyframe", sick("updates/0/204"), log(0, voids=((207, 204),)), set(), {}),
        ("a keyframe before it does not heal", sick("updates/0/204"), log(0, voids=((203, 200),)), set(), {0: 204}),
        ("seen to already", sick("updates/0/204"), log(0), {(0, 204)}, {}),
        ("another lineage's", sick("updates/5/1"), log(0), set(), {}),
        ("a base: not B's to mend", sick("checkpoints/3"), log(0), set(), {}),
        ("not a record", sick("updates/x/y"), log(0), set(), {}),
    ],
)
def test_slots_that_pods_cannot_read(pods, view, remade, expected):
    assert unreadable(pods, {0: view}, Memory(OLD, remade=frozenset(remade))) == expected


def test_b_is_made_anew_for_a_slot_that_pods_cannot_read():
    seen = observed(MODEL, jobs=(job(B0), job(A1)), pods=sick("updates/0/204"), store={"updates": {0: log(0)}})
    (action,), _ = steps(WANT, BOTH, seen, NOW)
    assert isinstance(action, DeleteJob)
    assert (action.name, action.heals) == ("search-b-0", (0, 204))


def test_failures_in_a_row_are_counted_once_each():
    memory = Memory(OLD)
    for n in range(3):
        failed = job(B0, uid=f"uid-{n}", phase=JobPhase.FAILED, started=NOW - SECOND, finished=NOW)
        for _ in range(2):
            memory = remember(memory, [failed], NOW)
    assert memory.failures["search-b-0"].count == 3


def test_the_end_of_a_job_that_was_well_for_long_is_not_counted_with_earlier_ones():
    memory = Memory(OLD, failures=failures(7, HOUR))
    healthy = job(B0, uid="new", phase=JobPhase.FAILED, started=NOW - HEALTHY, finished=NOW)
    assert remember(memory, [healthy], NOW).failures["search-b-0"].count == 1


def test_pauses_grow_to_a_minute():
    seen = observed(MODEL, jobs=(job(A1),), memory={"failures": failures(60, SECOND)})
    _, later = steps(WANT, BOTH, seen, NOW)
    assert later == NOW - SECOND + MINUTE


@pytest.mark.parametrize("phase", list(JobPhase))
def test_jobs_that_are_being_deleted_are_left_alone(phase):
    seen = observed(MODEL, jobs=(job(B0, deleting=True, phase=phase), job(A1, deleting=True, phase=phase)))
    assert steps(WANT, BOTH, seen, NOW)[0] == ()
