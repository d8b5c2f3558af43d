"""How a step of a rollout is judged."""

from datetime import timedelta

from tandem_operator.api import Rollout
from tandem_operator.rollout import look

from tests.operator.builders import HOUR, MINUTE, NOW, OLD, cannot_load, pod, report, table, target

AT_ONCE = Rollout()
CANARY = Rollout.model_validate({"steps": [{"pods": 1, "hold": "5m"}, {"pods": "50%", "hold": "5m"}]})
ALL = ("p0", "p1", "p2", "p3")


def pods(*serving: int | None):
    return [pod(f"p{n}", base) for n, base in enumerate(serving)]


def at(step: int, *listed: str, **changes):
    return target(candidate=1, step=step, candidate_pods=listed, **changes)


@table(
    "here spec share following",
    [
        ("verifying: nobody, then all", at(0), AT_ONCE, (), ALL),
        ("verifying: nobody, then one", at(0), CANARY, (), ("p0",)),
        ("the first step: one, then half", at(1, "p0"), CANARY, ("p0",), ("p0", "p1")),
        ("a pod that is listed stays listed", at(1, "p2"), CANARY, ("p2",), ("p0", "p2")),
        ("a listed pod that is gone is replaced", at(1, "gone"), CANARY, ("p0",), ("p0", "p1")),
        ("the last step: all", at(3, "p0", "p1"), CANARY, ALL, ALL),
    ],
)
def test_who_shall_run_the_candidate(here, spec, share, following):
    progress = look(here, spec, pods(0, 0, 0, 0), OLD, NOW)
    assert (progress.share, progress.next_share) == (share, following)
    assert progress.steps == len(spec.steps) + 1


LATE = NOW - HOUR
RESTARTED = NOW - timedelta(minutes=2)


@table(
    "here spec seen watching done against",
    [
        ("all answer from it", at(1, *ALL), AT_ONCE, pods(1, 1, 1, 1), OLD, True, None),
        ("one is behind", at(1, *ALL), AT_ONCE, pods(1, 1, 0, 1), OLD, False, None),
        ("verifying is no step", at(0), AT_ONCE, pods(1, 1), OLD, False, None),
        ("no pod answers at all", at(1, "p0"), AT_ONCE, pods(None), OLD, False, None),
        ("no pod is wanted", at(1), AT_ONCE, [], OLD, True, None),
        ("one is still starting", at(1, "p0", "p1"), AT_ONCE, pods(1, None), OLD, False, None),
        ("one could not be asked", at(1, "p0"), AT_ONCE, [pod("p0", None, ready=True)], OLD, False, None),
        ("the step is held", at(1, "p0", since=NOW - MINUTE), CANARY, pods(1, 0, 0, 0), OLD, False, None),
        ("the hold is over", at(1, "p0", since=NOW - 6 * MINUTE), CANARY, pods(1, 0, 0, 0), OLD, True, None),
        (
            "a pod says that it cannot load it",
            at(1, "p0"),
            AT_ONCE,
            [pod("p0", 0, report=report("p0", 0, candidate=cannot_load(1)))],
            OLD,
            False,
            "pod p0 cannot load it: weights of another shape",
        ),
        (
            "a pod's failure with another base is no fact about this one",
            at(1, "p0"),
            AT_ONCE,
            [pod("p0", 1, report=report("p0", 1, candidate=cannot_load(7)))],
            OLD,
            True,
            None,
        ),
        (
            "behind beyond the deadline",
            at(1, *ALL, since=LATE),
            AT_ONCE,
            pods(1, 0, 1, 1),
            OLD,
            False,
            "p1 did not answer from it within the deadline",
        ),
        (
            "one could not be asked, beyond the deadline: no fact about the candidate",
            at(1, "p0", since=LATE),
            AT_ONCE,
            [pod("p0", None, ready=True)],
            OLD,
            False,
            None,
        ),
        (
            "the deadline starts anew after an interruption",
            at(1, *ALL, since=LATE),
            AT_ONCE,
            pods(1, 0),
            NOW,
            False,
            None,
        ),
        (
            "one that never started does not hold back for ever",
            at(1, "p0", "p1", since=LATE),
            AT_ONCE,
            pods(1, None),
            OLD,
            True,
            None,
        ),
        (
            "one that ended while loading it speaks against it",
            at(1, "p0", "p1", since=LATE),
            AT_ONCE,
            [pod("p0", 1), pod("p1", None, restarted=RESTARTED)],
            OLD,
            True,
            "p1 ended while loading it",
        ),
        ("paused: never done", at(1, "p0"), Rollout(paused=True), pods(1), OLD, False, None),
        ("paused: never overdue", at(1, "p0", since=LATE), Rollout(paused=True), pods(0), OLD, False, None),
    ],
)
def test_how_a_step_stands(*, here, spec, seen, watching, done, against):
    progress = look(here, spec, seen, watching, NOW)
    assert (progress.done, progress.against) == (done, against)


def test_pods_on_the_candidate_are_counted_and_a_person_is_told_what_is_waited_for():
    progress = look(at(1, *ALL), AT_ONCE, pods(1, 0, None, 1), OLD, NOW)
    assert progress.on_candidate == 2
    assert progress.doing == "waiting for p1 to answer from it"
    assert progress.waits_until is not None
