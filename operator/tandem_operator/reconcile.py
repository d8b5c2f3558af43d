"""One look at one model: observe, plan, carry out, write the status.

Every decision and what it writes has its time from here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError
from tandem_wire.store import Store

from tandem_operator import jobs, target_store
from tandem_operator.actions import (
    Action,
    Apply,
    CreateJob,
    DeleteJob,
    PurgeStore,
    Retain,
    SetFinalizer,
    Sweep,
    Tell,
    WriteTarget,
)
from tandem_operator.api import ConditionType, Metadata, OnlineModel, Reason, SpecInvalid, Status
from tandem_operator.apply import Applier
from tandem_operator.children import Images
from tandem_operator.conditions import Finding, condition
from tandem_operator.errors import ClusterRefused, ObjectGone, Stale
from tandem_operator.kube import MODELS, Kube, Object
from tandem_operator.metrics import Metrics
from tandem_operator.observe import Looks, Observer, begin
from tandem_operator.observed import Memory, StoreFault
from tandem_operator.plan import plan

log = structlog.get_logger()


@dataclass(slots=True)
class Known:
    """What this process keeps of one model; may be lost at any time."""

    uid: str
    memory: Memory
    looks: Looks = field(default_factory=Looks)


@dataclass(frozen=True, slots=True)
class Done:
    """How a look ended: the model is gone, or is to be looked at again in ``again``."""

    gone: bool = False
    again: timedelta | None = None


class Reconciler:
    """Looks at models, one at a time per model; the queue sees to that."""

    def __init__(  # noqa: PLR0913 - the parts that main wires together
        self,
        *,
        kube: Kube,
        observer: Observer,
        applier: Applier,
        images: Images,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._kube = kube
        self._observer = observer
        self._applier = applier
        self._images = images
        self._metrics = metrics
        self._clock = clock
        self._known: dict[str, Known] = {}

    async def reconcile(self, key: str) -> Done:
        """Look at the model ``namespace/name``.

        Raises:
          OperatorError, WireError: the world's; the caller tries again with back-off.
        """
        namespace, _, name = key.partition("/")
        try:
            body = await self._kube.get(MODELS, namespace, name)
        except ObjectGone:
            self._forget(key)
            return Done(gone=True)
        try:
            model = OnlineModel.parse(body)
        except SpecInvalid as error:
            await self._say_invalid(body, str(error))
            return Done()
        try:
            return Done(again=await self._look(key, model))
        except Stale as error:
            log.info("decided anew", model=key, why=str(error))
            return Done(again=timedelta())

    async def _look(self, key: str, model: OnlineModel) -> timedelta | None:
        known = self._remembered(key, model)
        seen, store = await self._observer.observe(model, known.memory, known.looks)
        now = self._now()
        memory = jobs.remember(known.memory, seen.jobs, now)
        if isinstance(seen.store, StoreFault):
            # Deadlines start anew once the store can be read again.
            memory = replace(memory, watching_since=now)
        known.memory = memory
        decided = plan(model, replace(seen, memory=memory), self._images, now)
        await self._act(model, store, decided.actions, known)
        if not any(isinstance(action, SetFinalizer) for action in decided.actions):
            await self._applier.write_status(model.metadata, model.status, decided.status)
        self._metrics.show(model, decided.status)
        return decided.requeue

    async def _act(self, model: OnlineModel, store: Store | None, actions: tuple[Action, ...], known: Known) -> None:
        """Carry out the actions in order; what the API server refuses is said in a condition at the next look."""
        refusal = None
        for action in actions:
            try:
                await self._carry_out(model, store, action, known)
            except ClusterRefused as error:
                refusal = str(error)
                log.warning("refused by the API server", model=model.key, action=type(action).__name__, error=refusal)
            else:
                self._metrics.actions.labels(type(action).__name__).inc()
        known.memory = replace(known.memory, refusal=refusal)

    async def _carry_out(self, model: OnlineModel, store: Store | None, action: Action, known: Known) -> None:
        match action:
            case Apply():
                generation = await self._applier.apply(model, action)
                applied = {**known.memory.applied, (action.child.kind, action.child.name): generation}
                known.memory = replace(known.memory, applied=applied)
            case CreateJob():
                await self._applier.create_job(model, action)
            case DeleteJob():
                await self._applier.delete_job(model, action)
                if action.heals is not None:
                    known.memory = replace(known.memory, remade=known.memory.remade | {action.heals})
            case SetFinalizer():
                await self._applier.set_finalizer(model, action)
            case Tell():
                await self._applier.tell(model, action)
            case WriteTarget() | Retain() | Sweep() | PurgeStore():
                if store is None:
                    raise Stale("the store cannot be opened any more")
                await self._write_store(model, store, action, known)

    async def _write_store(
        self, model: OnlineModel, store: Store, action: WriteTarget | Retain | Sweep | PurgeStore, known: Known
    ) -> None:
        match action:
            case WriteTarget():
                await asyncio.to_thread(target_store.write, store, action)
                log.info(
                    "target written",
                    model=model.key,
                    transition=action.event,
                    why=action.why,
                    revision=action.target.revision,
                )
            case Retain():
                now, policy = self._now(), model.spec.store.retention
                # Noted before it is done: what takes longer than a look may take is not begun again at once.
                known.memory = replace(known.memory, retained=now)
                freed = await asyncio.to_thread(target_store.retain, store, model.key, action, policy, now)
                if freed.manifests:
                    log.info("retired", model=model.key, manifests=freed.manifests, objects=freed.objects)
            case Sweep():
                now, policy = self._now(), model.spec.store.retention
                known.memory = replace(known.memory, swept=now)
                gone = await asyncio.to_thread(target_store.sweep, store, model.key, policy, now)
                log.info("swept", model=model.key, objects=gone)
            case PurgeStore():
                await asyncio.to_thread(target_store.purge, store)
                log.info("store purged", model=model.key)

    def _remembered(self, key: str, model: OnlineModel) -> Known:
        known = self._known.get(key)
        if known is None or known.uid != model.metadata.uid:
            known = Known(model.metadata.uid, begin(self._now()))
            self._known[key] = known
        return known

    def _forget(self, key: str) -> None:
        if self._known.pop(key, None) is not None:
            namespace, _, name = key.partition("/")
            self._metrics.forget(namespace, name, tuple(kind.value for kind in ConditionType))
            log.info("model gone", model=key)

    async def _say_invalid(self, body: Object, why: str) -> None:
        """Tell of a spec that this operator cannot read; nothing else is touched."""
        meta = Metadata.model_validate(body["metadata"])
        known = last_status(body)
        kind = ConditionType.STALLED.value
        before = next((one for one in known.conditions if one.type == kind), None)
        found = Finding("True", Reason.INVALID_SPEC.value, why)
        said = condition(kind, found, before, meta.generation, self._now())
        others = tuple(one for one in known.conditions if one.type != kind)
        status = known.model_copy(update={"conditions": (*others, said), "observed_generation": meta.generation})
        await self._applier.write_status(meta, known, status)

    def _now(self) -> datetime:
        now = self._clock()
        # The store keeps milliseconds: what is written reads back the same.
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def last_status(body: Object) -> Status:
    """Read the last status; one that cannot be read counts as none, since it is only a mirror."""
    try:
        return Status.model_validate(body.get("status") or {})
    except ValidationError:
        return Status()
