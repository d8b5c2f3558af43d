"""What a pod answers from: a base with ordered updates applied, rebuilt bit for bit from the store (I2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from tandem_wire.bases import MODEL, read_base
from tandem_wire.errors import InvalidValue, Refused
from tandem_wire.lineage.rows import NO_KEYS, Keys, Rows, check_keys, merge
from tandem_wire.model import Group, ModelSpec, TableSpec
from tandem_wire.objects import get_named, get_part
from tandem_wire.records import Kind, Part, Record
from tandem_wire.store import Store
from tandem_wire.tensors import Array, Tensors
from tandem_wire.version import Version


@dataclass(frozen=True, slots=True, eq=False)
class ServingState:
    """One version: all tables and weights, read-only; ``digest`` is the base manifest's, which every update names."""

    model: ModelSpec
    tables: Mapping[str, Rows]
    weights: Mapping[str, npt.NDArray[np.float32]]
    version: Version
    digest: str
    watermark: datetime | None


def load_base(store: Store, base: int, model: str | None = None) -> ServingState:
    """Read a base's serving part.

    Raises:
      NotFound: the base is not durable.
      Refused: anything in it is not what it must be.
    """
    record = read_base(store, base, model)
    spec = load_model(store, record)
    tensors = get_part(store, record, Part.SERVING)
    check_serving(spec, record, tensors)
    return ServingState(
        model=spec,
        tables={table.name: _rows(tensors, table.name) for table in spec.tables},
        weights=_weights(tensors),
        version=Version(base, 0),
        digest=record.digest,
        watermark=record.watermark,
    )


def load_model(store: Store, base: Record) -> ModelSpec:
    """Read the model.json of a base.

    Raises:
      Refused: it is missing, altered, or breaks a rule of the format.
    """
    try:
        return ModelSpec.from_json(get_named(store, base, Part.SERVING, MODEL))
    except InvalidValue as error:
        raise Refused(base.called, f"{MODEL}: {error}") from error


def check_serving(spec: ModelSpec, record: Record, tensors: Tensors) -> None:
    """Refuse a serving part that does not fit the model: wrong tables, shapes, orders or weights.

    Raises:
      Refused: naming record and tensor.
    """
    try:
        _check(spec, record.kind, tensors)
    except InvalidValue as error:
        raise Refused(record.called, str(error)) from error


def apply(state: ServingState, record: Record, tensors: Tensors) -> ServingState:
    """Return the state after an update or keyframe; ``state`` stays as it is.

    The caller goes in the order of slots; a keyframe may follow any earlier slot.

    Args:
      state: what the record comes after.
      record: an update or keyframe of the same base.
      tensors: its serving part.

    Raises:
      Refused: another base, not after ``state``, or tensors that don't fit the model.
    """
    check_lineage(state.version.base, state.digest, record)
    if record.slot <= state.version.update:
        raise Refused(record.called, f"comes again or too late, the state is {state.version} already")
    check_serving(state.model, record, tensors)
    tables = dict(state.tables)
    for table in state.model.tables:
        if f"rows/{table.name}/keys" in tensors:
            tables[table.name] = _changed(tables[table.name], record.kind, tensors, table.name)
        elif f"rows/{table.name}/removed" in tensors:
            removed = _keys(tensors, f"rows/{table.name}/removed")
            tables[table.name] = _merged(tables[table.name], NO_KEYS, tables[table.name].values[:0], removed)
    return ServingState(
        model=state.model,
        tables=tables,
        weights=_weights(tensors),
        version=Version(state.version.base, record.slot),
        digest=state.digest,
        watermark=record.watermark,
    )


def check_update(base: Record, record: Record) -> None:
    """Refuse a record that was not cut from this base.

    Raises:
      Refused: another model's, another lineage's, another base's, or no update at all.
    """
    check_lineage(base.number, base.digest, record)
    if record.model != base.model:
        raise Refused(record.called, f"is of model {record.model!r}, not of {base.model!r}")


def check_lineage(base: int, digest: str, record: Record) -> None:
    """Refuse a record of another lineage, or one that names another base's digest.

    Raises:
      Refused: naming both digests.
    """
    if record.kind not in (Kind.UPDATE, Kind.KEYFRAME) or record.number != base:
        raise Refused(record.called, f"is no update of base {base}")
    if record.base != digest:
        said = str(record.base)[:8]
        raise Refused(
            record.called, f"was cut from another base: it names {said}…, checkpoints/{base} is {digest[:8]}…"
        )


def _check(spec: ModelSpec, kind: Kind, tensors: Tensors) -> None:
    left = set(tensors)
    for table in spec.tables:
        left -= _check_table(table, kind, tensors)
    for weight in spec.weights:
        name = f"weights/{weight.name}"
        if name not in left:
            raise InvalidValue(name, "is missing; every record carries all weights")
        found = tensors[name]
        if found.shape != weight.shape or found.dtype != np.float32:
            raise InvalidValue(name, f"is {found.shape} {found.dtype}, the model says {weight.shape} float32")
        left.discard(name)
    if left:
        raise InvalidValue(min(left), "is not in the model, or not in this kind of record")


def _check_table(table: TableSpec, kind: Kind, tensors: Tensors) -> set[str]:
    """Check one table's tensors and return their names."""
    keys, values, removed = (f"rows/{table.name}/{part}" for part in ("keys", "values", "removed"))
    complete = kind in (Kind.BASE, Kind.KEYFRAME)
    if table.group is Group.FREEZING and kind is not Kind.BASE:
        return set()
    found = {name for name in (keys, values, removed) if name in tensors}
    if complete and found != {keys, values}:
        raise InvalidValue(keys, f"a {kind.value} has keys and values of every such table, and nothing removed")
    if len(found & {keys, values}) == 1:
        raise InvalidValue(keys, "keys and values must stand side by side")
    count = 0
    if keys in found:
        count = check_keys(tensors[keys], keys).size
        if tensors[values].shape != (count, table.dim) or tensors[values].dtype != np.float32:
            raise InvalidValue(
                values, f"is {tensors[values].shape} {tensors[values].dtype}, must be ({count}, {table.dim}) float32"
            )
    if removed in found:
        gone = check_keys(tensors[removed], removed)
        if count and np.intersect1d(gone, tensors[keys], assume_unique=True).size:
            raise InvalidValue(removed, "has an id that is also changed")
    return found


def _changed(rows: Rows, kind: Kind, tensors: Tensors, table: str) -> Rows:
    new = _rows(tensors, table)
    if kind is Kind.KEYFRAME:
        return new
    removed = _keys(tensors, f"rows/{table}/removed") if f"rows/{table}/removed" in tensors else NO_KEYS
    return _merged(rows, new.keys, new.values, removed)


def _merged(rows: Rows, keys: Keys, values: Array, removed: Keys) -> Rows:
    merged, (column,) = merge(rows.keys, (rows.values,), keys, (values,), removed)
    return Rows(merged, column.astype(np.float32, copy=False))


def _rows(tensors: Tensors, table: str) -> Rows:
    return Rows(_keys(tensors, f"rows/{table}/keys"), tensors[f"rows/{table}/values"].astype(np.float32, copy=False))


def _keys(tensors: Tensors, name: str) -> Keys:
    return tensors[name].astype(np.int64, copy=False)


def _weights(tensors: Tensors) -> dict[str, npt.NDArray[np.float32]]:
    prefix = "weights/"
    return {
        n.removeprefix(prefix): t.astype(np.float32, copy=False) for n, t in tensors.items() if n.startswith(prefix)
    }
