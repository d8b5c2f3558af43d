"""Manifests: one record of a log, or one base (FORMAT.md, Manifest)."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from tandem_wire.codec import JsonValue, canonical, load, parse
from tandem_wire.errors import InvalidValue, Refused
from tandem_wire.layout import LogId, LogName, base_called
from tandem_wire.positions import Position

_HEX64 = re.compile(r"[0-9a-f]{64}")
_UID = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"objects/[0-9a-f]{32}/[A-Za-z0-9._-]+/[A-Za-z0-9][A-Za-z0-9._-]*")


class Kind(StrEnum):
    """What a record is."""

    BASE = "base"
    BARRIER = "barrier"
    UPDATE = "update"
    KEYFRAME = "keyframe"
    INCREMENT = "increment"
    RETIRED = "retired"


KINDS = {
    LogName.CHECKPOINTS: {Kind.BASE, Kind.RETIRED},
    LogName.UPDATES: {Kind.BARRIER, Kind.UPDATE, Kind.KEYFRAME, Kind.RETIRED},
    LogName.RUNS: {Kind.BARRIER, Kind.INCREMENT, Kind.RETIRED},
}


class Part(StrEnum):
    """Who an object is for."""

    SERVING = "serving"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class Writer(JsonValue):
    """Who wrote a record."""

    uid: str
    epoch: int


@dataclass(frozen=True, slots=True)
class ObjectRef(JsonValue):
    """A data object: its key below the model's prefix, its size in bytes and SHA-256."""

    name: str
    part: Part
    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Window(JsonValue):
    """Progressive evaluation over one window of event time; ``auc`` is None when a class is missing."""

    task: str
    start: datetime
    end: datetime
    samples: int
    positives: int
    auc: float | None
    loss: float
    predicted: float


@dataclass(frozen=True, slots=True)
class Counters(JsonValue):
    """What one writer did with one stream since it started; ``quarantined`` by reason."""

    read: int = 0
    trained: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a trainer gives to a log's writer, which adds place, writer and digest."""

    kind: Kind
    base: str | None = None
    positions: Mapping[str, Position] = field(default_factory=dict)
    watermark: datetime | None = None
    step: int = 0
    objects: tuple[ObjectRef, ...] = ()
    windows: tuple[Window, ...] = ()
    counters: Mapping[str, Counters] = field(default_factory=dict)
    voids: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(JsonValue):
    """A manifest. ``digest`` is empty until ``encode`` has filled it in; a decoded record has always its own."""

    FORMAT: ClassVar[str] = "tandem.record/1"

    model: str
    log: LogName
    number: int
    slot: int
    kind: Kind
    writer: Writer
    created: datetime
    base: str | None
    parent: int | None
    due: datetime | None
    voids: int | None
    positions: Mapping[str, Position]
    watermark: datetime | None
    step: int
    objects: tuple[ObjectRef, ...]
    windows: tuple[Window, ...]
    counters: Mapping[str, Counters]
    contract: Mapping[str, object] | None
    digest: str

    @property
    def called(self) -> str:
        """How people write this record: ``updates/17/204`` or ``checkpoints/17``."""
        return (
            base_called(self.number)
            if self.log is LogName.CHECKPOINTS
            else LogId(self.log, self.number).called(self.slot)
        )


def encode(record: Record) -> bytes:
    """Write a record as canonical JSON with its digest, whatever ``record.digest`` says.

    Raises:
      InvalidValue: the record breaks a rule of the format.
    """
    for place, problem in _problems(record):
        raise InvalidValue(place, problem)
    body = record.to_value()
    body["digest"] = _digest(body)
    return canonical(body)


def decode(data: bytes, called: str = "manifest") -> Record:
    """Read a manifest and verify its form and digest.

    Args:
      data: the bytes of the object.
      called: how to name it in errors, for instance ``updates/17/204``.

    Raises:
      Refused: the bytes are torn, altered, not canonical, or break a rule of the format.
    """
    try:
        record = load(Record, _verified(data))
    except InvalidValue as error:
        raise Refused(called, str(error)) from error
    for place, problem in _problems(record):
        raise Refused(called, f"{place}: {problem}")
    return record


def check_place(record: Record, *, log: LogName, number: int, slot: int, model: str | None = None) -> None:
    """Refuse a record that was written for another place: replayed, reordered or copied from another model.

    Raises:
      Refused: its model, log, number or slot is not this place's.
    """
    called = base_called(number) if log is LogName.CHECKPOINTS else LogId(log, number).called(slot)
    if (record.log, record.number, record.slot) != (log, number, slot):
        raise Refused(called, f"the manifest there was written as {record.called}")
    if model is not None and record.model != model:
        raise Refused(called, f"the manifest is of model {record.model!r}, not of {model!r}")


def _digest(body: Mapping[str, object]) -> str:
    return hashlib.sha256(canonical({k: v for k, v in body.items() if k != "digest"})).hexdigest()


def _verified(data: bytes) -> Mapping[str, object]:
    body = parse(data)
    if not isinstance(body, dict) or canonical(body) != data:
        raise InvalidValue("", "is not canonical JSON; the manifest was altered or torn")
    said, real = body.get("digest"), _digest(body)
    if said != real:
        raise InvalidValue("digest", f"is {real[:8]}…, the manifest says {str(said)[:8]}…")
    return body


def _problems(record: Record) -> Iterator[tuple[str, str]]:
    yield from _place_problems(record)
    yield from _writer_problems(record)
    yield from _kind_problems(record)
    yield from _object_problems(record)


def _place_problems(record: Record) -> Iterator[tuple[str, str]]:
    if record.model.count("/") != 1 or record.model.startswith("/") or record.model.endswith("/"):
        yield "model", f"{record.model!r} must be namespace/name"
    if record.number < 0:
        yield "number", "must not be negative"
    if record.kind not in KINDS[record.log]:
        yield "kind", f"{record.kind.value} does not belong into {record.log.value}"
    if (record.slot == 0) != (record.log is LogName.CHECKPOINTS) or record.slot < 0:
        yield "slot", f"{record.slot} does not belong into {record.log.value}"
    if record.step < 0:
        yield "step", "must not be negative"


def _writer_problems(record: Record) -> Iterator[tuple[str, str]]:
    if _UID.fullmatch(record.writer.uid) is None:
        yield "writer.uid", "must be 32 hexadecimal digits"
    if (record.writer.epoch == 0) != (record.log is LogName.CHECKPOINTS) or record.writer.epoch < 0:
        yield "writer.epoch", f"{record.writer.epoch} does not belong into {record.log.value}"


def _kind_problems(record: Record) -> Iterator[tuple[str, str]]:
    cut = record.kind in (Kind.UPDATE, Kind.KEYFRAME)
    if cut != (record.base is not None) or (record.base is not None and _HEX64.fullmatch(record.base) is None):
        yield "base", "must be the digest of the base's manifest for update and keyframe, and null otherwise"
    if record.kind is not Kind.BASE:
        for name in ("parent", "due", "contract"):
            if getattr(record, name) is not None:
                yield name, "must be null for all but bases"
    if record.parent is not None and not 0 <= record.parent < record.number:
        yield "parent", f"{record.parent} must be a base before {record.number}"
    if record.voids is not None and (record.kind is not Kind.KEYFRAME or not 1 <= record.voids < record.slot):
        yield "voids", "must be null, or for a keyframe a slot before its own"


def _object_problems(record: Record) -> Iterator[tuple[str, str]]:
    if record.objects and record.kind in (Kind.BARRIER, Kind.RETIRED):
        yield "objects", f"must be empty for {record.kind.value}"
    order = [(ref.part.value, ref.name) for ref in record.objects]
    if order != sorted(set(order)):
        yield "objects", "must be sorted by (part, name) without repetition"
    for i, ref in enumerate(record.objects):
        if _KEY.fullmatch(ref.key) is None or not ref.key.startswith(f"objects/{record.writer.uid}/"):
            yield f"objects[{i}].key", f"{ref.key!r} must be under objects/{record.writer.uid}/"
        if ref.size < 0 or _HEX64.fullmatch(ref.sha256) is None:
            yield f"objects[{i}]", "size must not be negative and sha256 must be 64 hexadecimal digits"
