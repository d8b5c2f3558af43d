"""Who may write into a model's part of the store; pure.

A target.json names its owner: the cluster and the resource. A foreign owner, or no target.json while bases exist, stops
every write; the condition says which annotation lifts that. A resource that was made anew under the same name in the
same cluster takes over by itself.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from tandem_wire.target import Owner, Promoted, Target

from tandem_operator.api import ANNOTATION_ADOPT, OnlineModel, Reason
from tandem_operator.observed import StoreView

NOBODY = "nobody"
"""What the adopt annotation says to take over bases that have no target.json."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be done about the target's owner. Exactly one of the three is set."""

    ours: Target | None = None
    take: Target | None = None
    """The target to write, so that it becomes ours."""
    refused: tuple[Reason, str] | None = None
    why: str = ""


def claim(model: OnlineModel, store: StoreView, cluster: str, now: datetime) -> Claim:
    """Decide whether the model's part of the store may be written."""
    me = Owner(cluster=cluster, resource=model.metadata.uid)
    adopt = model.metadata.annotations.get(ANNOTATION_ADOPT)
    if store.target is None:
        return _without_target(model, store, me, adopt, now)
    owner = store.target.owner
    if owner == me:
        return Claim(ours=store.target)
    if owner.cluster == cluster:
        return Claim(
            take=_owned(store.target, me), why="the resource was made anew; it goes on where the former one was"
        )
    if adopt == f"{owner.cluster}/{owner.resource}":
        return Claim(take=_owned(store.target, me), why=f"taken over from {adopt} by annotation")
    sentence = (
        f"{model.store_url}/target.json belongs to another cluster ({owner.cluster}). If that one does not use "
        f"it any more, annotate this resource: {ANNOTATION_ADOPT}={owner.cluster}/{owner.resource}; otherwise choose "
        "another spec.store.s3.prefix."
    )
    return Claim(refused=(Reason.FOREIGN_OWNER, sentence))


def _without_target(model: OnlineModel, store: StoreView, me: Owner, adopt: str | None, now: datetime) -> Claim:
    if not store.bases:
        return Claim(take=Target.first(me, now), why="a new model begins")
    usable = [number for number, base in store.bases.items() if base.usable]
    if adopt == NOBODY and usable:
        first = Target.first(me, now)
        entry = Promoted(base=max(usable), at=now, how="Adopted")
        return Claim(
            take=replace(first, stable=max(usable), history=(entry,)),
            why="bases without a target are taken over by annotation",
        )
    sentence = (
        f"{model.store_url} holds {len(store.bases)} bases but no target.json. Restore target.json, or annotate this "
        f"resource to serve the newest base: {ANNOTATION_ADOPT}={NOBODY}."
    )
    return Claim(refused=(Reason.TARGET_MISSING, sentence))


def _owned(target: Target, me: Owner) -> Target:
    return replace(target, owner=me, revision=target.revision + 1)
