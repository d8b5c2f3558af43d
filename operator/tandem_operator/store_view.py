"""The model's part of the store as values.

Reads only, and reads each manifest once, since manifests do not change (retirement aside).

An error in reading is never absence: it surfaces as :class:`StoreFault`, and nothing is concluded from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tandem_wire.bases import list_bases
from tandem_wire.errors import Refused, WireError
from tandem_wire.layout import CHECKPOINTS, LogId, parse_base_key
from tandem_wire.log import list_slots, read_slot
from tandem_wire.records import Kind, Record, Window
from tandem_wire.store import Store
from tandem_wire.target import Target, read_target

from tandem_operator.api import ANNOTATION_ADOPT, Reason
from tandem_operator.observed import BaseView, LogView, StoreFault, StoreView
from tandem_operator.ownership import NOBODY

TAIL = 64
"""Records at the end of a log that are read: enough for gates, counters and the last keyframes."""
SERVED = (Kind.UPDATE, Kind.KEYFRAME)


@dataclass(slots=True)
class Cache:
    """Manifests that were read already; belongs to one model in one place of the store."""

    bases: dict[int, tuple[str, BaseView]] = field(default_factory=dict)
    """number → (ETag of its manifest, view)."""
    records: dict[LogId, dict[int, Record | None]] = field(default_factory=dict)
    """log → slot → record, None where it cannot be read."""


def look(store: Store, model: str, cache: Cache) -> StoreView | StoreFault:
    """Read everything that the plan needs.

    Args:
      store: scoped to the model.
      model: ``namespace/name``.
      cache: kept from look to look; changed.
    """
    try:
        return _look(store, model, cache)
    except Refused as error:
        adopt = f"delete it and annotate this resource to serve the newest base: {ANNOTATION_ADOPT}={NOBODY}"
        message = f"{error}; restore target.json from a version of the bucket, or {adopt}."
        return StoreFault(Reason.TARGET_UNREADABLE.value, message, users=True)
    except WireError as error:
        return StoreFault(error.reason, str(error), users=error.fault == "User")


def _look(store: Store, model: str, cache: Cache) -> StoreView:
    # The target first: what it names is durable already, so bases read after it hold whatever it names.
    found = read_target(store)
    target, etag = found if found is not None else (None, None)
    bases = _bases(store, model, cache)
    for number in _checked(target, bases):
        bases[number] = _with_sizes(store, model, bases[number])
        cache.bases[number] = (cache.bases[number][0], bases[number])
    lineages = _lineages(target, bases)
    updates = {number: _log(store, model, LogId.updates(number), cache) for number in lineages}
    runs = {}
    if target is not None and target.run is not None and target.run.makes not in bases:
        runs[target.run.makes] = _log(store, model, LogId.runs(target.run.makes), cache)
    _forget(cache, {LogId.updates(number) for number in updates} | {LogId.runs(number) for number in runs})
    return StoreView(target, etag, bases, updates, runs)


def _bases(store: Store, model: str, cache: Cache) -> dict[int, BaseView]:
    found: dict[int, BaseView] = {}
    for entry in store.list(CHECKPOINTS):
        number = parse_base_key(entry.key)
        if number is None:
            continue
        known = cache.bases.get(number)
        if known is None or known[0] != entry.etag:
            known = (entry.etag, _base(store, model, number))
            cache.bases[number] = known
        found[number] = known[1]
    for number in set(cache.bases) - set(found):
        del cache.bases[number]
    return found


def _base(store: Store, model: str, number: int) -> BaseView:
    slot = next(iter(list_bases(store, model, after=number - 1)), None)
    if slot is None or slot.number != number or slot.record is None:
        why = slot.refused if slot is not None and slot.number == number else "its manifest is gone"
        return BaseView(number, fault=f"checkpoints/{number}: {why}")
    record = slot.record
    return BaseView(
        number=number,
        digest=record.digest,
        parent=record.parent,
        due=record.due,
        created=record.created,
        watermark=record.watermark,
        windows=record.windows,
        contract=record.contract,
        counters=record.counters,
        retired=record.kind is Kind.RETIRED,
    )


def _checked(target: Target | None, bases: dict[int, BaseView]) -> Iterable[int]:
    """Give the bases whose objects are to be compared with their manifest: the candidate, and the first one of all."""
    wanted = {target.candidate} if target is not None and target.stable is not None else {max(bases, default=None)}
    return [
        number
        for number in wanted
        if number is not None and number in bases and not bases[number].checked and bases[number].usable
    ]


def _with_sizes(store: Store, model: str, base: BaseView) -> BaseView:
    """Compare the sizes of all objects with the manifest; pods verify the bytes themselves."""
    slot = next(iter(list_bases(store, model, after=base.number - 1)), None)
    record = slot.record if slot is not None and slot.number == base.number else None
    if record is None:
        return replace(base, fault=f"checkpoints/{base.number}: its manifest is gone")
    for ref in record.objects:
        entry = store.head(ref.key)
        if entry is None or entry.size != ref.size:
            there = "is not there" if entry is None else f"has {entry.size} bytes"
            return replace(
                base,
                fault=f"checkpoints/{base.number}: {ref.key} {there}, the manifest says {ref.size} bytes",
                checked=True,
            )
    return replace(base, checked=True)


def _lineages(target: Target | None, bases: dict[int, BaseView]) -> set[int]:
    """Give the lineages whose logs matter: stable, candidate, and the one before, which pods may still answer from."""
    if target is None:
        return set()
    recent = [entry.base for entry in target.history[-2:]]
    return {number for number in (target.stable, target.candidate, *recent) if number is not None and number in bases}


def _log(store: Store, model: str, log: LogId, cache: Cache) -> LogView:
    known = cache.records.setdefault(log, {})
    slots = list_slots(store, log, after=max(known, default=0))
    for slot in slots[-TAIL:]:
        known[slot] = read_slot(store, log, slot, model).record
    barrier = max((slot for slot, record in known.items() if _is_barrier(record)), default=0)
    for slot in sorted(known)[:-TAIL]:
        if slot != barrier:
            del known[slot]
    return view(log.number, known)


def view(number: int, records: dict[int, Record | None]) -> LogView:
    """Summarise the tail of a log."""
    applied = [
        record
        for _, record in sorted(records.items())
        if record is not None and record.kind in (*SERVED, Kind.INCREMENT)
    ]
    last = applied[-1] if applied else None
    barriers = [record.created for record in records.values() if record is not None and _is_barrier(record)]
    windows: dict[tuple[str, object, object], Window] = {}
    for record in applied:
        windows.update({(window.task, window.start, window.end): window for window in record.windows})
    return LogView(
        number=number,
        last=max(records, default=0),
        update=last.slot if last is not None else 0,
        claimed=max(barriers, default=None),
        watermark=last.watermark if last is not None else None,
        windows=tuple(windows.values()),
        counters=last.counters if last is not None else {},
        voids=tuple((record.slot, record.voids) for record in applied if record.voids is not None),
    )


def _is_barrier(record: Record | None) -> bool:
    return record is not None and record.kind is Kind.BARRIER


def _forget(cache: Cache, wanted: set[LogId]) -> None:
    for log in set(cache.records) - wanted:
        del cache.records[log]
