"""(resource, observed, now) → what to do, what to say, when to look again. Pure: no client, no clock, no log.

A transition of the cycle is always alone among the actions that matter: what follows from it is decided at the next
look, from what then stands in the store. So a plan may be carried out late, twice, by two operators, or be cut short
between any two calls.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from tandem_wire.target import Target

from tandem_operator import children, cycle, facts, jobs, ownership, trainers
from tandem_operator.actions import (
    Action,
    Apply,
    DeleteJob,
    PurgeStore,
    Retain,
    SetFinalizer,
    Severity,
    Sweep,
    Tell,
    WriteTarget,
)
from tandem_operator.api import FINALIZER, CycleState, DeletionPolicy, OnlineModel, Reason, Role, Status
from tandem_operator.children import Child, Images
from tandem_operator.observed import Observed, StoreFault, StoreView
from tandem_operator.picture import Picture, trouble
from tandem_operator.status import status

SOON = timedelta(seconds=1)
"""When to look again while pods or trainers are on their way somewhere."""
SLOWEST = timedelta(seconds=15)
RETENTION_EVERY = timedelta(minutes=10)
SWEEP_EVERY = timedelta(hours=6)
"""A sweep reads every manifest; no reason to begin with one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a look at one model leads to."""

    actions: tuple[Action, ...]
    status: Status
    requeue: timedelta | None


def plan(model: OnlineModel, seen: Observed, images: Images, now: datetime) -> Plan:
    """Decide everything for one model at one instant.

    Args:
      model: the resource with its last status.
      seen: cluster, store and pods; the store read after the cluster.
      images: what children run unless the spec names others.
      now: the wall clock, to the millisecond.
    """
    if model.metadata.deletion_timestamp is not None:
        return _deletion(model, seen, now)
    base = (*_finalizer(model), *_serving(model, seen, images))
    if isinstance(seen.store, StoreFault):
        return _finish(Picture(model, seen, now, acting=bool(base)), base, SLOWEST)
    claim = ownership.claim(model, seen.store, seen.cluster, now)
    if claim.refused is not None:
        return _finish(Picture(model, seen, now, refused=claim.refused, acting=bool(base)), base, SLOWEST)
    if claim.take is not None:
        write = WriteTarget(claim.take, seen.store.etag, "Adopted", claim.why)
        here = facts.situation(model, seen, seen.store, claim.take, now)
        return _finish(Picture(model, seen, now, here, acting=True), (*base, write), SOON)
    if claim.ours is None:
        raise AssertionError("a claim is ours, to be taken, or refused")
    picture, actions, again = _cycle(model, seen, images, claim.ours, now)
    return _finish(replace(picture, acting=picture.acting or bool(base)), (*base, *actions), again)


@dataclass(frozen=True, slots=True)
class Advance:
    """How the cycle goes on: by one transition, or else by the trainers that are to be begun and ended."""

    here: facts.Situation
    decision: cycle.Decision | None = None
    work: tuple[Action, ...] = ()
    pause: datetime | None = None
    """When a pause after a failure ends."""


Render = Callable[[OnlineModel, StoreView, Target, jobs.Wanted], Mapping[str, Child]]


def advance(model: OnlineModel, seen: Observed, target: Target, render: Render, now: datetime) -> Advance:
    """Decide how the cycle goes on, given a store that could be read and a target that is ours.

    Args:
      model: the resource.
      seen: what was observed.
      target: that of the store.
      render: gives the Jobs of the trainers that shall be, by name.
      now: the wall clock.
    """
    store = readable(seen)
    here = facts.situation(model, seen, store, target, now)
    decision = cycle.decide(target, here.facts)
    if decision is not None:
        return Advance(here, decision)
    wish = jobs.Wish(model.spec.promotion.handoff, model.spec.suspend)
    want = jobs.wanted(target, here.state, seen.pods, here.facts.taken, wish)
    work, pause = jobs.steps(want, render(model, store, target, want), seen, now)
    return Advance(here, None, work, pause)


def _cycle(
    model: OnlineModel, seen: Observed, images: Images, target: Target, now: datetime
) -> tuple[Picture, tuple[Action, ...], timedelta]:
    render = partial(_trainers, images)
    on = advance(model, seen, target, render, now)
    if on.decision is not None:
        why = on.decision.why
        write = WriteTarget(on.decision.target, readable(seen).etag, on.decision.event.value, why)
        tell = Tell(_severity(on.decision.event), on.decision.event.value, _sentence(why))
        return Picture(model, seen, now, on.here, acting=True), (write, tell), timedelta()
    actions = (*on.work, *_retention(on.here, seen, now))
    again = _requeue(model, on.here, on.pause, now, acting=bool(on.work))
    return Picture(model, seen, now, on.here, acting=bool(on.work)), actions, again


def readable(seen: Observed) -> StoreView:
    """Give the store's view; the caller has looked whether there is one."""
    if isinstance(seen.store, StoreFault):
        raise TypeError("the store could not be read")
    return seen.store


def _trainers(
    images: Images, model: OnlineModel, store: StoreView, target: Target, want: jobs.Wanted
) -> Mapping[str, Child]:
    configs = []
    if want.run is not None and target.run is not None:
        configs.append(trainers.trainer_a(model, target.run))
    for number in sorted(want.lineages):
        base = store.bases.get(number)
        made_from = trainers.contract_of(model, base.contract if base is not None else None)
        configs.append(trainers.trainer_b(model, number, made_from))
    rendered = (children.trainer_job(model, config, images) for config in configs)
    return {child.name: child for child in rendered}


def _serving(model: OnlineModel, seen: Observed, images: Images) -> tuple[Action, ...]:
    """Apply the Deployment and the Service unless they are as this process applied them."""
    found: list[Action] = []
    for child in (children.serving_service(model), children.serving_deployment(model, images)):
        there = seen.child(child.kind, child.name)
        applied = seen.memory.applied.get((child.kind, child.name))
        if there is None or there.fingerprint != child.fingerprint or applied != there.generation:
            found.append(Apply(child))
    return tuple(found)


def _finalizer(model: OnlineModel) -> tuple[Action, ...]:
    wanted = model.spec.store.deletion_policy is DeletionPolicy.DELETE
    present = FINALIZER in model.metadata.finalizers
    return () if wanted == present else (SetFinalizer(present=wanted),)


def _deletion(model: OnlineModel, seen: Observed, now: datetime) -> Plan:
    """End the trainers, delete what the store holds, then let the resource go.

    Children go with it by their owner references.
    """
    picture = Picture(model, seen, now)
    if FINALIZER not in model.metadata.finalizers:
        return Plan((), status(picture), None)
    if model.spec.store.deletion_policy is not DeletionPolicy.DELETE:
        return Plan((SetFinalizer(present=False),), status(picture), None)
    ends = tuple(DeleteJob(job.name, job.uid, "the model is deleted") for job in seen.jobs if not job.deleting)
    if seen.jobs:
        return Plan(ends, status(picture), SOON)
    if isinstance(seen.store, StoreFault):
        return Plan((), status(picture), SLOWEST)
    claim = ownership.claim(model, seen.store, seen.cluster, now)
    mine = seen.store.target is not None and claim.ours is not None
    purge: tuple[Action, ...] = (PurgeStore(),) if mine else ()
    return Plan((*purge, SetFinalizer(present=False)), status(picture), None)


def _retention(here: facts.Situation, seen: Observed, now: datetime) -> tuple[Action, ...]:
    last, swept = seen.memory.retained, seen.memory.swept
    if here.state is CycleState.STREAMING and swept is not None and now - swept >= SWEEP_EVERY:
        return (Sweep(),)
    if here.state is not CycleState.STREAMING or (last is not None and now - last < RETENTION_EVERY):
        return ()
    target = here.target
    needed = {target.stable, target.candidate, here.run.parent if here.run is not None else None, *here.facts.live}
    needed |= {base.base for base in target.history[-2:]} | {max(here.facts.usable, default=None)}
    needed |= {job.number for job in seen.jobs_of(Role.B)}
    needed |= {held.base for pod in seen.pods if pod.report is not None for held in pod.report.loaded}
    return (Retain(frozenset(number for number in needed if number is not None)),)


def _requeue(
    model: OnlineModel, here: facts.Situation, pause: datetime | None, now: datetime, *, acting: bool
) -> timedelta:
    """Look again at the next instant at which time alone may change the plan.

    Often enough that the status does not lie.
    """
    if acting or here.state not in (CycleState.STREAMING, CycleState.BOOTSTRAPPING):
        return SOON
    steady = max(SOON, min(SLOWEST, model.spec.swift.interval / 2))
    instants = [
        at for at in (here.work.next_look, here.judged.progress.waits_until, pause) if at is not None and at > now
    ]
    return max(timedelta(milliseconds=50), min([steady, *(at - now for at in instants)]))


def _finish(picture: Picture, actions: tuple[Action, ...], requeue: timedelta) -> Plan:
    found = trouble(picture)
    tells: tuple[Action, ...] = (Tell(Severity.WARNING, found.reason, found.message),) if found is not None else ()
    if picture.fault is not None and not picture.fault.users:
        tells = (Tell(Severity.WARNING, Reason.STORE_UNAVAILABLE.value, picture.fault.message),)
    return Plan((*actions, *tells), status(picture), requeue)


def _severity(event: cycle.Event) -> Severity:
    return Severity.WARNING if event in (cycle.Event.AGAINST, cycle.Event.CHOSEN) else Severity.NORMAL


def _sentence(why: str) -> str:
    return f"{why[:1].upper()}{why[1:]}."
