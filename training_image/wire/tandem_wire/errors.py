"""Everything that can go wrong between a program and the store.

WireError
├── StoreUnavailable    the world's: the store did not answer; try again later
├── StoreDenied         the user's: credentials or rights are wrong
├── NoSuchBucket        the user's: the bucket is not there
├── InvalidValue        the user's: a configuration or value does not have the form it must have
├── NotFound            the key does not exist
├── Conflict            a conditional put lost
├── Refused             bytes that must not be used: torn, altered, another model's, another lineage's
├── Fenced              a newer writer owns the log: end this process
└── Overtaken           another record stands in the slot: restore to it, then go on
"""

# ruff: noqa: N818 - the names say what happened, as sentences do
from typing import ClassVar, Literal

FaultKind = Literal["User", "World"]


class WireError(Exception):
    """An error of the store or of what stands in it.

    ``fault`` says who can mend it: the user by a change, or the world by time. ``reason`` is one CamelCase word for
    conditions.
    """

    fault: ClassVar[FaultKind] = "World"
    reason: ClassVar[str] = "WireError"


class StoreUnavailable(WireError):
    """The store did not answer, or said that it can't now; the outcome of a put is unknown."""

    reason = "StoreUnavailable"


class StoreDenied(WireError):
    """The store refuses these credentials."""

    fault = "User"
    reason = "StoreDenied"


class NoSuchBucket(WireError):
    """The bucket, or the directory of a local store, does not exist."""

    fault = "User"
    reason = "NoSuchBucket"


class InvalidValue(WireError):
    """A value does not have the form that it must have; ``field`` names the place, as in ``streams[1].kafka.topic``."""

    fault = "User"
    reason = "InvalidValue"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class NotFound(WireError):
    """No object has this key."""

    reason = "NotFound"

    def __init__(self, key: str) -> None:
        super().__init__(f"{key}: no such object in the store")
        self.key = key


class Conflict(WireError):
    """A conditional put lost: the object exists, or is not what it was.

    ``winner`` is what stands there, where the caller read it.
    """

    reason = "Conflict"

    def __init__(self, key: str, winner: object = None) -> None:
        super().__init__(f"{key}: another writer was first")
        self.key = key
        self.winner = winner


class Refused(WireError):
    """Bytes that must not be used; ``object`` names them as people write them, for instance ``updates/17/204``."""

    reason = "Refused"

    def __init__(self, object: str, reason: str) -> None:  # noqa: A002 - the pinned name
        super().__init__(f"{object}: {reason}")
        self.object = object
        self.why = reason


class Fenced(WireError):
    """A writer with a higher epoch owns the log; this process must end without writing more."""

    reason = "Fenced"


class Overtaken(WireError):
    """Another record, or an unreadable one, stands in ``slot``: restore to it, then append again.

    ``voids`` is the first unreadable slot, which the next keyframe must void; None when every slot could be read.
    """

    reason = "Overtaken"

    def __init__(self, slot: int, voids: int | None = None) -> None:
        tail = (
            "" if voids is None else f"; slot {voids} can't be read, the next record must be a keyframe that voids it"
        )
        super().__init__(f"slot {slot} was taken by another writer: restore to it, then append again{tail}")
        self.slot = slot
        self.voids = voids
