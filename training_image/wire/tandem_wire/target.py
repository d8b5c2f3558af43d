"""target.json, the only memory of the cycle: read by everyone, changed by compare-and-swap."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from tandem_wire.codec import JsonValue
from tandem_wire.errors import InvalidValue, NotFound, Refused
from tandem_wire.layout import TARGET
from tandem_wire.store import Blob, Store


@dataclass(frozen=True, slots=True)
class Owner(JsonValue):
    """Who may write: the uid of the cluster and of the resource."""

    cluster: str
    resource: str


@dataclass(frozen=True, slots=True)
class Run(JsonValue):
    """The work of Model A that makes base ``makes`` from ``parent``; ``cut`` is when it shall end."""

    parent: int | None
    makes: int
    due: datetime | None = None
    cut: datetime | None = None


@dataclass(frozen=True, slots=True)
class Promoted(JsonValue):
    """One line of history: when a base became stable, and how (``Bootstrap``, ``Promotion``, ``RollBack``, …)."""

    base: int
    at: datetime
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(JsonValue):
    """The memory of the cycle (FORMAT.md, target.json); ``refused`` maps a base to why."""

    FORMAT: ClassVar[str] = "tandem.target/1"

    revision: int
    owner: Owner
    stable: int | None
    candidate: int | None
    candidate_pods: tuple[str, ...]
    step: int
    since: datetime
    refused: Mapping[int, str]
    run: Run | None
    history: tuple[Promoted, ...]

    @classmethod
    def first(cls, owner: Owner, now: datetime) -> Self:
        """Make the target of a model that has no base yet."""
        return cls(
            revision=1,
            owner=owner,
            stable=None,
            candidate=None,
            candidate_pods=(),
            step=0,
            since=now,
            refused={},
            run=None,
            history=(),
        )

    def base_for(self, pod: str) -> int | None:
        """Return the base that a pod shall answer from."""
        return self.candidate if self.candidate is not None and pod in self.candidate_pods else self.stable


def read_target(store: Store) -> tuple[Target, str] | None:
    """Read the target and its ETag; None when there is none.

    Raises:
      Refused: what stands there is not a target; it is never taken for absence.
      StoreUnavailable: the store did not answer.
    """
    try:
        blob = store.get(TARGET)
    except NotFound:
        return None
    return _decode(blob), blob.etag


def read_target_if_changed(store: Store, etag: str) -> tuple[Target, str] | None:
    """Read the target unless its ETag is still ``etag``; None when unchanged.

    Raises:
      NotFound: there is none any more.
      Refused: what stands there is not a target.
    """
    blob = store.get_if_changed(TARGET, etag)
    return None if blob is None else (_decode(blob), blob.etag)


def write_target(store: Store, target: Target, etag: str | None) -> str:
    """Put the target if the one in the store still has ``etag`` (None: if there is none); return the new ETag.

    Raises:
      Conflict: somebody else wrote; read again and decide again.
      StoreUnavailable: it may or may not be written; read again.
    """
    data = target.to_json().encode()
    return store.put(TARGET, data, create=True) if etag is None else store.put(TARGET, data, match=etag)


def _decode(blob: Blob) -> Target:
    try:
        return Target.from_json(blob.data)
    except InvalidValue as error:
        raise Refused(TARGET, str(error)) from error
