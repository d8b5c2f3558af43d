"""What a trainer goes on from: a base, its log's newest keyframe, the updates after it, and stream positions (I3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tandem_wire.bases import read_base
from tandem_wire.errors import InvalidValue, Refused
from tandem_wire.layout import LogId, LogName
from tandem_wire.lineage.rows import NO_KEYS, Keys, check_column, check_keys, merge
from tandem_wire.lineage.serving import check_update
from tandem_wire.log import read_log
from tandem_wire.objects import get_part, verify_objects
from tandem_wire.positions import Position
from tandem_wire.records import Kind, Part, Record
from tandem_wire.store import Store
from tandem_wire.tensors import Array, Tensors

COLUMNS = ("rows", "slots", "steps", "seen")


@dataclass(frozen=True, slots=True, eq=False)
class TrainedTable:
    """A table as training keeps it; ``keys`` (n,) int64 ascending, every other array with n rows; read-only."""

    keys: Keys
    rows: Array
    slots: Array
    steps: Array
    seen: Array


@dataclass(frozen=True, slots=True, eq=False)
class TrainingState:
    """Everything to go on from, exactly as the last readable record left it.

    ``slots`` is keyed ``{weight}/{slot}``. ``slot`` is the last slot of the log that counts (0: the base alone),
    barriers included. ``voids`` is the first slot after it that can't be used: if not None, the next record must be a
    keyframe that voids it.
    """

    base: Record
    tables: Mapping[str, TrainedTable]
    dense: Mapping[str, Array]
    slots: Mapping[str, Array]
    state: Mapping[str, Array]
    positions: Mapping[str, Position]
    watermark: datetime | None
    step: int
    slot: int
    voids: int | None


def restore_training(store: Store, base: int, log: LogId | None = None, model: str | None = None) -> TrainingState:
    """Compose the training parts of a base and of its log.

    Every object of the log's records in use is verified, the serving parts too: a record that pods can't read is
    voided by the next keyframe.

    Args:
      store: the model's store.
      base: the base to begin with.
      log: the base's own updates when None; a run's increments if given.
      model: if given, another model's records are refused.

    Raises:
      NotFound: the base is not durable.
      Refused: the base itself can't be used.
    """
    log = log or LogId.updates(base)
    record = read_base(store, base, model)
    state = _begin(record, get_part(store, record, Part.TRAINING))
    slots = read_log(store, log, model=model or record.model)
    good: dict[int, TrainingState] = {}
    start = 0
    for slot in reversed(slots):
        if slot.record is not None and slot.record.kind is Kind.KEYFRAME:
            try:
                good[slot.number] = _after(store, state, slot.record)
            except Refused:
                continue
            start = slot.number
            break
    state = good.get(start, state)
    for slot in slots[start:]:
        if slot.record is None:
            return _voiding(state, slot.number)
        try:
            state = _after(store, state, slot.record)
        except Refused:
            return _voiding(state, slot.number)
    return state


def _begin(record: Record, tensors: Tensors) -> TrainingState:
    empty: dict[str, Array] = {}
    start = TrainingState(
        base=record,
        tables={},
        dense=empty,
        slots=empty,
        state=empty,
        positions=record.positions,
        watermark=record.watermark,
        step=record.step,
        slot=0,
        voids=None,
    )
    return _composed(start, record, tensors)


def _after(store: Store, state: TrainingState, record: Record) -> TrainingState:
    """Return the state after one record of the log; Refused when it can't be used."""
    if record.kind is Kind.BARRIER:
        return _moved(state, record.slot)
    if record.kind is Kind.RETIRED:
        raise Refused(record.called, "was retired, and no later keyframe can be read")
    if record.log is LogName.UPDATES:
        check_update(state.base, record)
    verify_objects(store, record, [Part.SERVING])
    return _composed(state, record, get_part(store, record, Part.TRAINING))


def _composed(state: TrainingState, record: Record, tensors: Tensors) -> TrainingState:
    groups: dict[str, dict[str, Array]] = {"table": {}, "dense": {}, "slots": {}, "state": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition("/")
        if group not in groups or not rest:
            raise Refused(record.called, f"tensor {name} is unknown in a training part")
        groups[group][rest] = tensor
    tables = dict(state.tables)
    complete = record.kind in (Kind.BASE, Kind.KEYFRAME)
    for table in sorted({name.rpartition("/")[0] for name in groups["table"]}):
        try:
            tables[table] = _table(None if complete else tables.get(table), groups["table"], table)
        except InvalidValue as error:
            raise Refused(record.called, f"table {table}: {error}") from error
    return TrainingState(
        base=state.base,
        tables=tables,
        dense={**state.dense, **groups["dense"]},
        slots={**state.slots, **groups["slots"]},
        state={**state.state, **groups["state"]},
        positions=record.positions,
        watermark=record.watermark,
        step=record.step,
        slot=record.slot,
        voids=None,
    )


def _table(old: TrainedTable | None, tensors: Mapping[str, Array], table: str) -> TrainedTable:
    """Merge one table's changed rows into the old ones; without old ones the changed rows are all."""
    given = {n.rpartition("/")[2]: t for n, t in tensors.items() if n.rpartition("/")[0] == table}
    removed = check_keys(given.pop("removed"), "removed") if "removed" in given else NO_KEYS
    if not given and old is not None:
        keys, columns = merge(old.keys, _columns(old), NO_KEYS, tuple(c[:0] for c in _columns(old)), removed)
        return TrainedTable(keys, *columns)
    if set(given) != {"keys", *COLUMNS}:
        raise InvalidValue("", f"must have keys, {', '.join(COLUMNS)}, not {', '.join(sorted(given)) or 'nothing'}")
    changed = check_keys(given["keys"], "keys")
    changes = tuple(given[name] for name in COLUMNS)
    for name in COLUMNS:
        check_column(given[name], changed.size, name)
    if given["rows"].dtype != np.float32:
        raise InvalidValue("rows", f"must be float32, not {given['rows'].dtype}")
    if old is None:
        return TrainedTable(changed, *changes)
    keys, columns = merge(old.keys, _columns(old), changed, changes, removed)
    return TrainedTable(keys, *columns)


def _columns(table: TrainedTable) -> tuple[Array, ...]:
    return table.rows, table.slots, table.steps, table.seen


def _moved(state: TrainingState, slot: int) -> TrainingState:
    return _with(state, slot, None)


def _voiding(state: TrainingState, voids: int) -> TrainingState:
    return _with(state, state.slot, voids)


def _with(state: TrainingState, slot: int, voids: int | None) -> TrainingState:
    return TrainingState(
        base=state.base,
        tables=state.tables,
        dense=state.dense,
        slots=state.slots,
        state=state.state,
        positions=state.positions,
        watermark=state.watermark,
        step=state.step,
        slot=slot,
        voids=voids,
    )
