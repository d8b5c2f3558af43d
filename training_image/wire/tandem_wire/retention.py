"""What may go from the store, and how it goes.

First the manifest becomes a ``retired`` mark, then the data are deleted. A slot is never reopened: its mark stays.
Killed at any point, the next sweep finds the data that no manifest names any more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tandem_wire.bases import list_bases
from tandem_wire.codec import parse_time, time_text
from tandem_wire.layout import CHECKPOINTS, OBJECTS, TARGET, LogId, LogName, base_key, record_key
from tandem_wire.log import Slot, read_log
from tandem_wire.records import Kind, Record, encode
from tandem_wire.store import Entry, Store
from tandem_wire.target import Target

ORPHAN_AGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """Keep so many newest bases, none older than ``age``; what is in use stays in any case.

    Data that no manifest names go after ``orphan_age``, which must be longer than any upload.
    """

    bases: int
    age: timedelta
    orphan_age: timedelta = ORPHAN_AGE


@dataclass(frozen=True, slots=True)
class Retirement:
    """Bases that go with their updates, and runs whose increments nobody needs any more."""

    bases: tuple[int, ...] = ()
    runs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Freed:
    """What an execution did."""

    manifests: int
    objects: int


def decide(
    policy: Policy, bases: Iterable[Slot], target: Target | None, in_use: frozenset[int], now: datetime
) -> Retirement:
    """Say which bases and runs may go; pure.

    Args:
      policy: the user's.
      bases: all bases of the store, ascending, as ``list_bases`` reads them.
      target: the memory of the cycle; without it nothing goes.
      in_use: the bases that pods hold or that somebody else needs.
      now: the time.
    """
    durable = [s.record for s in bases if s.record is not None and s.record.kind is Kind.BASE]
    if target is None or target.stable is None:
        return Retirement()
    needed = set(in_use) | {target.stable}
    needed |= {number for number in (target.candidate, target.run.parent if target.run else None) if number is not None}
    needed |= {r.number for r in durable if r.number > target.stable and r.number not in target.refused}
    newest = {r.number for r in durable[-policy.bases :]}
    going = tuple(
        r.number for r in durable if r.number not in needed and (r.number not in newest or now - r.created > policy.age)
    )
    making = None if target.run is None else target.run.makes
    runs = tuple(s.number for s in bases if s.record is not None and s.number != making)
    return Retirement(going, runs)


def retire(store: Store, model: str, what: Retirement) -> Freed:
    """Retire bases with their logs, and the logs of runs; safe to do again after any interruption."""
    manifests = objects = 0
    for slot in list_bases(store, model):
        if slot.number in what.bases and slot.record is not None:
            done = _retire(store, base_key(slot.number), slot.record)
            log = LogId.updates(slot.number)
            done = _added(done, _retire_log(store, log, model))
            manifests, objects = manifests + done.manifests, objects + done.objects
    for run in what.runs:
        done = _retire_log(store, LogId.runs(run), model)
        manifests, objects = manifests + done.manifests, objects + done.objects
    return Freed(manifests, objects)


def orphans(
    entries: Iterable[Entry], named: frozenset[str], unknown: frozenset[LogId], before: datetime
) -> Iterator[str]:
    """Yield the keys of data that no manifest names and that are older than ``before``; pure.

    Args:
      entries: what lies under ``objects/``.
      named: all keys that manifests name.
      unknown: logs with unreadable manifests, whose data are left alone.
      before: the limit.
    """
    shielded = {f"{log.name.value[0]}{log.number}" for log in unknown}
    for entry in entries:
        slot = entry.key.removeprefix(OBJECTS).split("/")[1]
        if entry.key not in named and entry.modified < before and slot.partition("-")[0] not in shielded:
            yield entry.key


def sweep(store: Store, model: str, policy: Policy, now: datetime) -> int:
    """Delete data that no manifest names any more, or never did; return how many objects.

    Reads every manifest once; for a quiet hour, not for every reconcile.
    """
    entries = list(store.list(OBJECTS))  # before the manifests: what is written meanwhile is younger than the limit
    bases = list_bases(store, model)
    slots = [(LogId(LogName.CHECKPOINTS, slot.number), slot) for slot in bases]
    for log in _logs(store):
        slots += [(log, slot) for slot in read_log(store, log, model=model)]
    named = frozenset(ref.key for _, slot in slots if slot.record is not None for ref in slot.record.objects)
    unknown = frozenset(log for log, slot in slots if slot.record is None)
    gone = list(orphans(entries, named, unknown, now - policy.orphan_age))
    for key in gone:
        store.delete(key)
    return len(gone)


def erase(store: Store) -> None:
    """Delete everything of a model.

    First what makes things exist, last the memory of the cycle, so that an interrupted erasure can be done again.
    """
    for prefix in (CHECKPOINTS, "updates/", "runs/", ""):
        for entry in list(store.list(prefix)):
            if entry.key != TARGET:
                store.delete(entry.key)
    store.delete(TARGET)


def _logs(store: Store) -> Iterator[LogId]:
    for name in (LogName.UPDATES, LogName.RUNS):
        seen: set[int] = set()
        for entry in store.list(f"{name.value}/"):
            number = entry.key.split("/")[1]
            if number.isdecimal() and int(number) not in seen:
                seen.add(int(number))
                yield LogId(name, int(number))


def _retire_log(store: Store, log: LogId, model: str) -> Freed:
    done = Freed(0, 0)
    for slot in read_log(store, log, model=model):
        if slot.record is not None and slot.record.kind is not Kind.RETIRED:
            done = _added(done, _retire(store, record_key(log, slot.number), slot.record))
    return done


def _retire(store: Store, key: str, record: Record) -> Freed:
    store.put(key, encode(_mark(record)))
    for ref in record.objects:
        store.delete(ref.key)
    return Freed(1, len(record.objects))


def _mark(record: Record) -> Record:
    """The retired form keeps place and writer, so that epochs in a log never fall, and forgets the rest."""
    return replace(
        record,
        kind=Kind.RETIRED,
        created=parse_time(time_text(datetime.now(UTC))),
        base=None,
        parent=None,
        due=None,
        voids=None,
        objects=(),
        windows=(),
        contract=None,
    )


def _added(one: Freed, other: Freed) -> Freed:
    return Freed(one.manifests + other.manifests, one.objects + other.objects)
