"""The plan: what follows what, and that it is at rest after it was carried out."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_operator.actions import (
    Apply,
    CreateJob,
    DeleteJob,
    PurgeStore,
    Retain,
    SetFinalizer,
    Severity,
    Sweep,
    Tell,
    WriteTarget,
)
from tandem_operator.api import ANNOTATION_ADOPT, FINALIZER, OnlineModel, Phase
from tandem_operator.observed import ChildView, Observed, StoreFault
from tandem_operator.plan import SLOWEST, SWEEP_EVERY, plan
from tandem_wire.target import Owner, Run

from tests.operator.builders import (
    HOUR,
    IMAGES,
    MODEL,
    NOW,
    RUN,
    b_child,
    base,
    condition,
    job,
    log,
    observed,
    online_model,
    pod,
    store_of,
    streaming,
    target,
)

STREAMING = streaming()


def acts(seen: Observed, model: OnlineModel = MODEL):
    return [action for action in plan(model, seen, IMAGES, NOW).actions if not isinstance(action, Tell)]


def carried_out(seen: Observed, actions) -> Observed:
    """Give the world after the actions: what a cluster and a store would show next."""
    for action in actions:
        match action:
            case WriteTarget():
                seen = replace(
                    seen, store=replace(store_of(seen), target=action.target, etag=f"etag-{action.target.revision}")
                )
            case Apply():
                child = action.child
                others = tuple(view for view in seen.children if (view.kind, view.name) != (child.kind, child.name))
                applied = {**seen.memory.applied, (child.kind, child.name): 2}
                view = ChildView(child.kind, child.name, child.fingerprint, 2)
                seen = replace(seen, children=(*others, view), memory=replace(seen.memory, applied=applied))
            case CreateJob():
                seen = replace(seen, jobs=(*seen.jobs, job(action.child)))
            case DeleteJob():
                seen = replace(seen, jobs=tuple(one for one in seen.jobs if one.uid != action.uid))
            case Retain():
                seen = replace(seen, memory=replace(seen.memory, retained=NOW))
    return seen


def at_rest(seen: Observed, model: OnlineModel = MODEL) -> Observed:
    """Carry out plan after plan until there is nothing to do."""
    for _ in range(12):
        actions = acts(seen, model)
        if not actions:
            return seen
        seen = carried_out(seen, actions)
    raise AssertionError(f"not at rest: {acts(seen, model)}")


def test_a_settled_model_is_left_alone():
    assert acts(STREAMING) == []


def test_a_new_model_gets_its_children_a_target_and_a_first_run():
    seen = observed(MODEL, store={"target": None, "etag": None}, memory={"applied": {}}, children=())
    kinds = [type(action) for action in acts(seen)]
    assert kinds == [Apply, Apply, WriteTarget]
    rest = at_rest(seen)
    here = store_of(rest).target
    assert here is not None
    assert here.run == Run(None, 0)
    assert [one.name for one in rest.jobs] == ["search-a-0"]


def test_a_transition_is_alone_among_what_matters():
    seen = replace(STREAMING, jobs=(), store=replace(store_of(STREAMING), bases={0: base(0), 1: base(1)}))
    (write,) = acts(seen)
    assert isinstance(write, WriteTarget)
    assert (write.target.candidate, write.etag) == (1, "etag-5")
    assert plan(MODEL, seen, IMAGES, NOW).requeue == timedelta()


def test_what_was_changed_by_hand_is_put_right():
    tampered = tuple(replace(view, generation=9) for view in STREAMING.children)
    assert [type(action) for action in acts(replace(STREAMING, children=tampered))] == [Apply, Apply]


def test_a_restarted_operator_applies_each_child_once():
    forgotten = replace(STREAMING, memory=replace(STREAMING.memory, applied={}))
    assert [type(action) for action in acts(forgotten)] == [Apply, Apply]
    at_rest(forgotten)


def test_an_error_in_reading_the_store_is_not_absence():
    seen = replace(STREAMING, store=StoreFault("StoreUnavailable", "no answer", users=False), jobs=())
    before = plan(MODEL, STREAMING, IMAGES, NOW).status
    model = MODEL.model_copy(update={"status": before})
    found = plan(model, seen, IMAGES, NOW)
    assert [type(action) for action in found.actions] == [Tell]
    assert found.requeue == SLOWEST
    assert found.status.cycle == before.cycle
    assert condition(found.status, "StoreReady").reason == "StoreUnavailable"
    kinds = ("StoreReady", "Stalled", "Progressing", "Available")
    assert [condition(found.status, kind).status for kind in kinds] == ["False", "False", "Unknown", "True"]


def test_a_users_error_of_the_store_stalls_and_children_are_still_made():
    fault = StoreFault("NoSuchBucket", 'bucket "models" does not exist. Create it.', users=True)
    seen = replace(observed(MODEL, memory={"applied": {}}, children=()), store=fault)
    found = plan(MODEL, seen, IMAGES, NOW)
    assert [type(action) for action in found.actions] == [Apply, Apply, Tell]
    stalled = condition(found.status, "Stalled")
    assert (stalled.status, stalled.reason, stalled.message) == ("True", "NoSuchBucket", fault.message)
    assert found.status.phase is Phase.STALLED


def test_a_foreign_store_is_not_written_to():
    foreign = target(owner=Owner("other", "uid"), run=RUN)
    found = plan(MODEL, replace(STREAMING, store=replace(store_of(STREAMING), target=foreign), jobs=()), IMAGES, NOW)
    assert all(isinstance(action, Tell) for action in found.actions)
    adopting = online_model(meta={"annotations": {ANNOTATION_ADOPT: "other/uid"}})
    written = acts(replace(STREAMING, store=replace(store_of(STREAMING), target=foreign)), adopting)
    assert [type(action) for action in written] == [WriteTarget]


def test_suspend_ends_the_trainers_and_starts_nothing():
    model = online_model({"suspend": True})
    rest = at_rest(STREAMING, model)
    assert rest.jobs == ()
    assert plan(model, rest, IMAGES, NOW).status.phase is Phase.SUSPENDED


def test_a_change_of_mode_touches_no_child_of_serving():
    daily = online_model({"mode": "Daily", "daily": {"at": "03:00"}})
    assert acts(STREAMING, daily) == []


def test_a_running_promotion_run_becomes_the_daily_one():
    daily = online_model({"mode": "Daily", "daily": {"at": "03:00"}})
    cut = plan(daily, STREAMING, IMAGES, NOW + 16 * HOUR)
    (write,) = [action for action in cut.actions if isinstance(action, WriteTarget)]
    assert write.target.run is not None
    assert write.target.run.cut == NOW + 16 * HOUR


def test_retention_runs_now_and_then_and_keeps_what_is_needed():
    seen = replace(STREAMING, memory=replace(STREAMING.memory, retained=None))
    (retain,) = acts(seen)
    assert isinstance(retain, Retain)
    assert 0 in retain.needed
    at_rest(seen)


def test_orphaned_data_are_looked_for_now_and_then():
    long_ago = replace(STREAMING.memory, swept=NOW - SWEEP_EVERY)
    assert acts(replace(STREAMING, memory=long_ago)) == [Sweep()]
    lately = replace(STREAMING.memory, swept=NOW - HOUR)
    assert acts(replace(STREAMING, memory=lately)) == []


def deleted(policy: str) -> OnlineModel:
    meta = {"deletionTimestamp": "2026-11-11T12:00:00Z", "finalizers": [FINALIZER]}
    return online_model({"store": {"deletionPolicy": policy}}, meta)


def test_deletion_with_retain_touches_nothing():
    assert acts(STREAMING, deleted("Retain")) == [SetFinalizer(present=False)]


def test_deletion_with_delete_ends_the_trainers_before_it_purges():
    model = deleted("Delete")
    ends = acts(STREAMING, model)
    assert {type(action) for action in ends} == {DeleteJob}
    assert acts(carried_out(STREAMING, ends), model) == [PurgeStore(), SetFinalizer(present=False)]


def test_deletion_never_purges_what_is_anothers():
    foreign = replace(store_of(STREAMING), target=target(owner=Owner("other", "uid")))
    assert acts(replace(STREAMING, jobs=(), store=foreign), deleted("Delete")) == [SetFinalizer(present=False)]


def test_the_finalizer_follows_the_policy():
    keeps = online_model({"store": {"deletionPolicy": "Delete"}})
    assert SetFinalizer(present=True) in acts(STREAMING, keeps)


@pytest.mark.parametrize("handoff", ["Overlap", "Pause"])
def test_refusals_are_told_as_warnings(handoff):
    model = online_model({"promotion": {"handoff": handoff}})
    broken = {0: base(0), 1: base(1, fault="checkpoints/1: an object is missing")}
    here = replace(store_of(STREAMING), target=target(candidate=1), bases=broken)
    found = plan(model, replace(STREAMING, store=here), IMAGES, NOW)
    tell = next(action for action in found.actions if isinstance(action, Tell))
    assert (tell.severity, tell.reason) == (Severity.WARNING, "Against")
    assert "an object is missing" in tell.message


numbers = st.integers(0, 3)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[OnlineModel, Observed]:
    """Draw any mixture of targets, bases, pods and Jobs, consistent or not."""
    changes = {
        "mode": draw(st.sampled_from(["Promotion", "Daily"])),
        "suspend": draw(st.booleans()),
        "promotion": {"handoff": draw(st.sampled_from(["Overlap", "Pause"]))},
        "rollout": {"steps": draw(st.sampled_from([[], [{"pods": 1, "hold": "0s"}]])), "paused": draw(st.booleans())},
    }
    model = online_model(changes)
    bases = draw(st.sets(numbers, max_size=4))
    stable = draw(st.none() | st.sampled_from(sorted(bases))) if bases else None
    newer = [number for number in bases if stable is not None and number > stable]
    candidate = draw(st.none() | st.sampled_from(newer)) if newer else None
    step = draw(st.integers(0, 1)) if candidate is not None else 0
    refused = {number: "gate" for number in draw(st.sets(numbers)) if number not in (stable, candidate)}
    run = draw(st.none() | st.builds(Run, parent=st.just(stable), makes=numbers))
    here = target(
        stable=stable,
        candidate=candidate,
        step=step,
        candidate_pods=("p0",) if step else (),
        refused=refused,
        run=run,
        since=NOW,
    )
    serving = st.none() | (st.sampled_from(sorted(bases)) if bases else st.none())
    pods = tuple(pod(f"p{n}", draw(serving)) for n in range(2))
    trainers = draw(st.sets(numbers))
    jobs = tuple(job(b_child(model, number)) for number in trainers)
    store = {"target": here, "updates": {number: log(number) for number in bases}}
    seen = observed(model, bases=[base(number) for number in bases], store=store, pods=pods, jobs=jobs)
    return model, seen


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_a_plan_that_was_carried_out_comes_to_rest_and_a_second_one_is_empty(world):
    model, seen = world
    rest = at_rest(seen, model)
    assert acts(rest, model) == []


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_status_can_always_be_told_and_read_again(world):
    model, seen = world
    found = plan(model, seen, IMAGES, NOW).status
    again = type(found).model_validate(found.to_json())
    assert again.to_json() == found.to_json()
    kinds = [known.type for known in found.conditions]
    assert len(kinds) == len(set(kinds)) == 10
