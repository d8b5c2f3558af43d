"""Cluster, store and pods → :class:`Observed`.

Reads only. The cluster is read before the store, so that a Job that ended has left in the store what it won.
"""

import asyncio
import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tandem_wire.store import Store

from tandem_operator import reports, store_view, views
from tandem_operator.api import LABEL_MODEL, LABEL_ROLE, OnlineModel, Reason, Role
from tandem_operator.children import CREDENTIALS, serving_name
from tandem_operator.errors import ObjectGone
from tandem_operator.kube import DEPLOYMENTS, JOBS, NAMESPACES, PODS, SECRETS, SERVICES, Kind, Kube
from tandem_operator.observed import ChildView, Memory, Observed, StoreFault, StoreView
from tandem_operator.stores import Credentials, open_model_store
from tandem_operator.trainers import store_config


@dataclass(slots=True)
class Looks:
    """What is kept of one model from look to look, to read less; may be lost at any time."""

    cache: store_view.Cache = field(default_factory=store_view.Cache)
    place: tuple[str, str | None] | None = None
    """URL and endpoint that the cache belongs to."""


class Observer:
    """Looks at models."""

    def __init__(self, kube: Kube, asker: reports.Reports) -> None:
        self._kube = kube
        self._asker = asker
        self._cluster: str | None = None

    async def observe(self, model: OnlineModel, memory: Memory, looks: Looks) -> tuple[Observed, Store | None]:
        """Look at one model; the store comes along for those who write to it."""
        namespace = model.metadata.namespace
        labels = {LABEL_MODEL: model.metadata.name}
        cluster, jobs, pods, children, opened = await asyncio.gather(
            self._cluster_uid(),
            self._kube.list(JOBS, namespace, labels),
            self._kube.list(PODS, namespace, labels),
            self._children(model),
            self._store(model),
        )
        serving = [pod for pod in pods if _role(pod) == Role.SERVING.value and not views.gone(pod)]
        told = await reports.ask_all(self._asker, namespace, serving)
        store = opened if isinstance(opened, StoreFault) else await self._look(model, opened, looks)
        trainers = [pod for pod in pods if _role(pod) != Role.SERVING.value]
        seen = Observed(
            cluster=cluster,
            store=store,
            memory=memory,
            jobs=tuple(filter(None, (views.job(job, trainers) for job in jobs))),
            pods=tuple(views.pod(pod, report) for pod, report in zip(serving, told, strict=True)),
            children=children,
        )
        return seen, None if isinstance(opened, StoreFault) else opened

    async def _look(self, model: OnlineModel, store: Store, looks: Looks) -> StoreView | StoreFault:
        place = (model.store_url, model.spec.store.s3.endpoint)
        if looks.place != place:
            looks.cache, looks.place = store_view.Cache(), place
        return await asyncio.to_thread(store_view.look, store, model.key, looks.cache)

    async def _cluster_uid(self) -> str:
        """Tell clusters apart by the uid of a namespace that every cluster has, and makes once."""
        if self._cluster is None:
            found = await self._kube.get(NAMESPACES, None, "kube-system")
            self._cluster = str(found["metadata"]["uid"])
        return self._cluster

    async def _children(self, model: OnlineModel) -> tuple[ChildView, ...]:
        found = await asyncio.gather(
            self._child(DEPLOYMENTS, "Deployment", model), self._child(SERVICES, "Service", model)
        )
        return tuple(filter(None, found))

    async def _child(self, kind: Kind, called: str, model: OnlineModel) -> ChildView | None:
        try:
            found = await self._kube.get(kind, model.metadata.namespace, serving_name(model))
        except ObjectGone:
            return None
        return views.child(found, called)

    async def _store(self, model: OnlineModel) -> Store | StoreFault:
        name = model.spec.store.s3.credentials_secret
        if name is None:
            return open_model_store(store_config(model), None)
        try:
            secret = await self._kube.get(SECRETS, model.metadata.namespace, name)
        except ObjectGone:
            return _missing(f'Secret "{name}" does not exist in namespace {model.metadata.namespace}. Create it with')
        credentials = _decode(secret)
        if credentials is None:
            return _missing(f'Secret "{name}" needs')
        return open_model_store(store_config(model), credentials)


def _decode(secret: dict[str, Any]) -> Credentials | None:
    data = secret.get("data") or {}
    try:
        return Credentials.of({key: base64.b64decode(data[key]).decode().strip() for key in CREDENTIALS})
    except (KeyError, ValueError, binascii.Error):
        return None


def _missing(begin: str) -> StoreFault:
    message = f"{begin} the keys {' and '.join(CREDENTIALS)}, or correct spec.store.s3.credentialsSecret."
    return StoreFault(Reason.MISSING_SECRET.value, message, users=True)


def _role(pod: dict[str, Any]) -> str:
    return str(pod["metadata"].get("labels", {}).get(LABEL_ROLE, ""))


def begin(now: datetime) -> Memory:
    """Give the memory of a model that is seen for the first time."""
    return Memory(watching_since=now, swept=now)
