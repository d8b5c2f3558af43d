"""The only writer of children, status and events: one action at a time.

It remembers nothing but which events were shown.
"""

import hashlib
from datetime import UTC, datetime

import structlog

from tandem_operator.actions import Apply, CreateJob, DeleteJob, SetFinalizer, Tell
from tandem_operator.api import API_VERSION, FIELD_MANAGER, FINALIZER, KIND, Metadata, OnlineModel, Status
from tandem_operator.errors import ClusterRefused, ObjectGone, Stale
from tandem_operator.kube import DEPLOYMENTS, EVENTS, JOBS, MODELS, SERVICES, Kube

KINDS = {"Deployment": DEPLOYMENTS, "Service": SERVICES}
REMEMBERED = 4096
"""Events that are remembered as shown, so that one is shown once; forgotten, it is shown again."""

log = structlog.get_logger()


class Applier:
    """Writes to the cluster."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._told: dict[str, None] = {}

    async def apply(self, model: OnlineModel, action: Apply) -> int:
        """Apply a child; returns its generation."""
        child = action.child
        done = await self._kube.apply(KINDS[child.kind], model.metadata.namespace, child.manifest, FIELD_MANAGER)
        log.info("child applied", model=model.key, kind=child.kind, name=child.name)
        return int(done["metadata"].get("generation", 0))

    async def create_job(self, model: OnlineModel, action: CreateJob) -> None:
        """Create a trainer's Job; one of that name is an answer too."""
        try:
            await self._kube.create(JOBS, model.metadata.namespace, action.child.manifest, FIELD_MANAGER)
        except Stale:
            return
        log.info("job created", model=model.key, name=action.child.name, why=action.why)

    async def delete_job(self, model: OnlineModel, action: DeleteJob) -> None:
        """Delete a Job, if it is still the one that was seen."""
        try:
            await self._kube.delete(JOBS, model.metadata.namespace, action.name, action.uid)
        except (ObjectGone, Stale):
            return
        log.info("job deleted", model=model.key, name=action.name, why=action.why)

    async def set_finalizer(self, model: OnlineModel, action: SetFinalizer) -> None:
        """Put or remove our finalizer, leaving others as they are."""
        others = [name for name in model.metadata.finalizers if name != FINALIZER]
        changes = {
            "metadata": {
                "finalizers": [*others, FINALIZER] if action.present else others,
                "resourceVersion": model.metadata.resource_version,
            }
        }
        try:
            await self._kube.patch(MODELS.path(model.metadata.namespace, model.metadata.name), changes, FIELD_MANAGER)
        except ObjectGone:
            return
        log.info("finalizer set", model=model.key, present=action.present)

    async def write_status(self, meta: Metadata, known: Status, status: Status) -> None:
        """Write the status where it differs from what is there: one write per look at most."""
        before, after = known.to_json(), status.to_json()
        if before == after:
            return
        # A merge patch keeps what it does not name, so what is no longer said is named with null.
        path = MODELS.path(meta.namespace, meta.name, "status")
        body = {"metadata": {"resourceVersion": meta.resource_version}, "status": _nulls(before, after)}
        await self._kube.patch(path, body, FIELD_MANAGER)

    async def tell(self, model: OnlineModel, action: Tell) -> None:
        """Show an event, once per object, reason and message; an event that cannot be shown stops nothing."""
        said = f"{model.metadata.uid}/{action.reason}/{action.message}"
        key = hashlib.sha256(said.encode()).hexdigest()[:16]
        if key in self._told:
            return
        now = datetime.now(UTC)
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{model.metadata.name}.{key}{int(now.timestamp()):x}",
                "namespace": model.metadata.namespace,
            },
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": model.metadata.name,
                "namespace": model.metadata.namespace,
                "uid": model.metadata.uid,
            },
            "reason": action.reason,
            "message": action.message[:1024],
            "type": action.severity.value,
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "firstTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lastTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "count": 1,
        }
        try:
            await self._kube.create(EVENTS, model.metadata.namespace, event, FIELD_MANAGER)
        except (ClusterRefused, ObjectGone, Stale) as error:
            log.warning("event not shown", model=model.key, reason=action.reason, error=str(error))
        self._told[key] = None
        for old in list(self._told)[:-REMEMBERED]:
            del self._told[old]


def _nulls(before: object, after: dict[str, object]) -> dict[str, object]:
    """Give ``after`` with null for every field of ``before`` that it lacks, at every depth.

    Lists are replaced whole.
    """
    if not isinstance(before, dict):
        return after
    merged: dict[str, object] = {name: None for name in before if name not in after}
    for name, value in after.items():
        merged[name] = _nulls(before.get(name), value) if isinstance(value, dict) else value
    return merged
