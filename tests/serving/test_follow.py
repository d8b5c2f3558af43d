from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_serving.follow import Failure, Held, Next, candidate, decide, labels
from tandem_wire.report import CandidateReport, CandidateState
from tandem_wire.target import Owner, Target

EPOCH = datetime(2026, 11, 10, tzinfo=UTC)
NOW = 100.0
LATER = 101.0
POD = "pod-1"


def target(stable=None, candidate=None, pods=()):
    return replace(Target.first(Owner("c", "r"), EPOCH), stable=stable, candidate=candidate, candidate_pods=pods)


def held(serving=None, *loaded, loading=None, failed=None):
    return Held(serving, frozenset(loaded), loading, failed or {})


STABLE = target(3)
LISTED = target(3, 4, (POD,))
UNLISTED = target(3, 4, ("pod-2",))
GIVEN_UP = {4: Failure("bad digest")}


DECISIONS = [
    ("no target yet: wait", None, held(), Next()),
    ("target gone: go on", None, held(3, 3), Next()),
    ("no base yet: wait", target(), held(), Next()),
    ("start: load stable", STABLE, held(), Next(load=3)),
    ("one load at a time", STABLE, held(loading=3), Next()),
    ("loaded: publish", STABLE, held(None, 3), Next(publish=3)),
    ("steady", STABLE, held(3, 3), Next()),
    ("not listed: the candidate is not loaded", UNLISTED, held(3, 3), Next()),
    ("listed: load the candidate beside", LISTED, held(3, 3), Next(load=4)),
    ("candidate warm: swap, stable stays", LISTED, held(3, 3, 4), Next(publish=4)),
    ("on the candidate, both held", LISTED, held(4, 3, 4), Next()),
    ("a listed pod that starts loads the candidate first", LISTED, held(), Next(load=4)),
    ("and stable after it, for the way back", LISTED, held(4, 4), Next(load=3)),
    ("candidate bad: stay", LISTED, held(3, 3, failed=GIVEN_UP), Next()),
    ("candidate bad at start: stable", LISTED, held(failed=GIVEN_UP), Next(load=3)),
    ("and answer from stable", LISTED, held(None, 3, failed=GIVEN_UP), Next(publish=3)),
    ("stable is warm before the candidate: answer from it", LISTED, held(None, 3), Next(publish=3, load=4)),
    ("taken off the list: back at once, candidate goes", UNLISTED, held(4, 3, 4), Next(publish=3, drop=frozenset({4}))),
    ("refused: back at once", STABLE, held(4, 3, 4), Next(publish=3, drop=frozenset({4}))),
    ("refused, stable not held: stay until it is loaded", STABLE, held(4, 4), Next(load=3)),
    ("promoted: the old base goes", target(4), held(4, 3, 4), Next(drop=frozenset({3}))),
    ("a person rolls back", target(2), held(4, 4), Next(load=2)),
    ("a person rolled back", target(2), held(4, 4, 2), Next(publish=2, drop=frozenset({4}))),
    ("failed for now: not yet", STABLE, held(failed={3: Failure("away", LATER)}), Next()),
    ("failed for now: again", STABLE, held(failed={3: Failure("away", NOW)}), Next(load=3)),
    ("not named any more: forget", STABLE, held(3, 3, failed=GIVEN_UP), Next(forget=frozenset({4}))),
    ("still named, though not listed: remember", UNLISTED, held(3, 3, failed=GIVEN_UP), Next()),
    ("first candidate of all, listed", target(None, 0, (POD,)), held(), Next(load=0)),
]


@pytest.mark.parametrize(
    ("target", "held", "expected"), [row[1:] for row in DECISIONS], ids=[row[0] for row in DECISIONS]
)
def test_decide(target, held, expected):
    assert decide(target, POD, held, NOW) == expected


CANDIDATES = [
    ("no target", None, held(), None),
    ("no candidate", STABLE, held(3, 3), None),
    ("another pod's", UNLISTED, held(3, 3), None),
    ("asked for", LISTED, held(3, 3), (CandidateState.LOADING, "")),
    ("loading", LISTED, held(3, 3, loading=4), (CandidateState.LOADING, "")),
    ("away", LISTED, held(3, 3, failed={4: Failure("away", LATER)}), (CandidateState.LOADING, "away")),
    ("warm", LISTED, held(3, 3, 4), (CandidateState.WARM, "")),
    ("failed", LISTED, held(3, 3, failed=GIVEN_UP), (CandidateState.FAILED, "bad digest")),
]


@pytest.mark.parametrize(
    ("target", "held", "expected"), [row[1:] for row in CANDIDATES], ids=[row[0] for row in CANDIDATES]
)
def test_candidate(target, held, expected):
    report = candidate(target, POD, held)
    assert report == (None if expected is None else CandidateReport(4, *expected))


BASES = st.integers(0, 4)
TARGETS = st.none() | st.builds(target, st.none() | BASES, st.none() | BASES, st.sampled_from([(), (POD,), ("pod-2",)]))


@st.composite
def holdings(draw):
    loaded = draw(st.frozensets(BASES))
    serving = draw(st.none() | st.sampled_from(sorted(loaded))) if loaded else None
    failed = {base: Failure("bad") for base in draw(st.frozensets(BASES)) - loaded}
    return Held(serving, loaded, None, failed)


@pytest.mark.parametrize(
    ("target", "expected"), [(None, {}), (STABLE, {"stable": 3}), (UNLISTED, {"stable": 3, "candidate": 4})]
)
def test_labels(target, expected):
    assert labels(target) == expected


@settings(deadline=None)
@given(TARGETS, holdings())
def test_what_is_answered_from_is_never_dropped_and_only_what_is_loaded_is_published(target, held):
    step = decide(target, POD, held, NOW)
    answering = held.serving if step.publish is None else step.publish
    assert step.publish is None or step.publish in held.loaded
    assert answering not in step.drop
    assert (held.serving is None) or (answering is not None)
    assert step.load not in held.loaded


@settings(deadline=None)
@given(TARGETS, holdings())
def test_decisions_settle(target, held):
    """Doing what was decided, with every load a success, ends within a few steps in the wanted base."""
    for _ in range(6):
        step = decide(target, POD, held, NOW)
        if step == Next():
            break
        loaded = (held.loaded | ({step.load} if step.load is not None else set())) - step.drop
        serving = held.serving if step.publish is None else step.publish
        failed = {base: why for base, why in held.failed.items() if base not in step.forget and base not in loaded}
        held = Held(serving, frozenset(loaded), None, failed)
    assert decide(target, POD, held, NOW) == Next()
    wanted = None if target is None else target.base_for(POD)
    if wanted is not None and wanted not in held.failed:
        assert held.serving == wanted
