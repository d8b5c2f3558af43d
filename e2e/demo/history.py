"""What the store says happened to one model: bases, lineages, runs and the target, read once as a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tandem_wire.bases import list_bases
from tandem_wire.log import LogId, Slot, read_log
from tandem_wire.records import Kind, Record
from tandem_wire.store import Store
from tandem_wire.target import Target, read_target
from tandem_wire.version import Version


@dataclass(frozen=True, slots=True)
class History:
    """All manifests of one model.

    Attributes:
      bases: number → manifest, of bases that are still whole.
      updates: base → the slots of its lineage's log, in order.
      runs: base that is made → the slots of its run's log, in order.
      target: the memory of the cycle, None before the first.
      unreadable: bases whose manifest can't be used, with why.
    """

    bases: Mapping[int, Record]
    updates: Mapping[int, tuple[Slot, ...]]
    runs: Mapping[int, tuple[Slot, ...]]
    target: Target | None
    unreadable: Mapping[int, str]


def read_history(store: Store) -> History:
    """Read every manifest of the model whose store this is."""
    seen = list_bases(store)
    bases = {slot.number: slot.record for slot in seen if slot.record is not None and slot.record.kind is Kind.BASE}
    unreadable = {slot.number: slot.refused for slot in seen if slot.record is None}
    held = read_target(store)
    target = held[0] if held else None
    made = sorted({*bases, *unreadable, *([target.run.makes] if target and target.run else [])})
    return History(
        bases=bases,
        updates={number: read_log(store, LogId.updates(number)) for number in bases},
        runs={number: read_log(store, LogId.runs(number)) for number in made},
        target=target,
        unreadable=unreadable,
    )


def effective(slots: tuple[Slot, ...]) -> list[Record]:
    """The records of a log that count, in order: barriers and slots that a keyframe voids are passed over."""
    voided = {
        number
        for slot in slots
        if slot.record is not None and slot.record.voids is not None
        for number in range(slot.record.voids, slot.number)
    }
    return [
        slot.record
        for slot in slots
        if slot.record is not None
        and slot.number not in voided
        and slot.record.kind in (Kind.UPDATE, Kind.KEYFRAME, Kind.INCREMENT)
    ]


def watermarks_ms(history: History) -> dict[int, int]:
    """The watermark of every version that a pod may answer from: version number → Unix milliseconds."""
    found: dict[int, int] = {}
    for number, base in history.bases.items():
        _note(found, Version(number, 0), base.watermark)
        for slot in history.updates.get(number, ()):
            if slot.record is not None and slot.record.kind in (Kind.UPDATE, Kind.KEYFRAME):
                _note(found, Version(number, slot.number), slot.record.watermark)
    return found


def _note(found: dict[int, int], version: Version, watermark: datetime | None) -> None:
    if watermark is not None:
        found[version.number] = int(watermark.timestamp() * 1000)
