"""Keys in the store (FORMAT.md, Keys), below one model's prefix."""

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from tandem_wire.errors import InvalidValue

TARGET = "target.json"
CHECKPOINTS = "checkpoints/"
OBJECTS = "objects/"
QUARANTINE = "quarantine/"
DIGITS = 9
_LIMIT = 10**DIGITS
_BASE = re.compile(r"checkpoints/([0-9]{9})\.json")
_RECORD = re.compile(r"(updates|runs)/([0-9]{9})/([0-9]{9})\.json")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class LogName(StrEnum):
    """The three families of manifests."""

    CHECKPOINTS = "checkpoints"
    UPDATES = "updates"
    RUNS = "runs"


@dataclass(frozen=True, slots=True, order=True)
class LogId:
    """The log of one lineage's updates, or of one run's increments."""

    name: LogName
    number: int

    @classmethod
    def updates(cls, base: int) -> Self:
        """The log of swift updates to a base."""
        return cls(LogName.UPDATES, base)

    @classmethod
    def runs(cls, makes: int) -> Self:
        """The log of the run that makes a base."""
        return cls(LogName.RUNS, makes)

    @property
    def prefix(self) -> str:
        """The prefix of its manifests."""
        return f"{self.name.value}/{_padded(self.number)}/"

    def slot_name(self, slot: int) -> str:
        """The part of object keys that names a slot: ``u3-17`` or ``r4-2``."""
        return f"{self.name.value[0]}{self.number}-{slot}"

    def called(self, slot: int) -> str:
        """How people write a record: ``updates/17/204``."""
        return f"{self.name.value}/{self.number}/{slot}"

    def __str__(self) -> str:
        return f"{self.name.value}/{self.number}"


def model_prefix(prefix: str, model: str) -> str:
    """The prefix of one model, ``{prefix}/{namespace}/{name}``, without slashes at its ends."""
    return "/".join(part for part in (prefix.strip("/"), model) if part)


def base_key(base: int) -> str:
    """The key of a base's manifest."""
    return f"{CHECKPOINTS}{_padded(base)}.json"


def base_slot(base: int) -> str:
    """The part of object keys that names a base: ``c3``."""
    return f"c{base}"


def base_called(base: int) -> str:
    """How people write a base: ``checkpoints/17``."""
    return f"checkpoints/{base}"


def record_key(log: LogId, slot: int) -> str:
    """The key of a record's manifest."""
    return f"{log.prefix}{_padded(slot)}.json"


def object_key(uid: str, slot: str, name: str) -> str:
    """The key of a data object.

    Raises:
      InvalidValue: a part has other characters than letters, digits, dot, dash and underscore.
    """
    for part in (uid, slot, name):
        if _SAFE.fullmatch(part) is None:
            raise InvalidValue(
                "key", f"{part!r} may have letters, digits, '.', '-' and '_' only, and begins with a letter or digit"
            )
    return f"{OBJECTS}{uid}/{slot}/{name}"


def parse_base_key(key: str) -> int | None:
    """Return the base of a manifest's key; None for any other key."""
    match = _BASE.fullmatch(key)
    return None if match is None else int(match[1])


def parse_record_key(key: str) -> tuple[LogId, int] | None:
    """Return log and slot of a record's key; None for any other key."""
    match = _RECORD.fullmatch(key)
    return None if match is None or int(match[3]) == 0 else (LogId(LogName(match[1]), int(match[2])), int(match[3]))


def new_uid() -> str:
    """Draw the uid of a writer: 32 hexadecimal digits, new for every process."""
    return secrets.token_hex(16)


def _padded(number: int) -> str:
    if not 0 <= number < _LIMIT:
        raise InvalidValue("number", f"{number} must be between 0 and {_LIMIT - 1}")
    return f"{number:0{DIGITS}d}"
