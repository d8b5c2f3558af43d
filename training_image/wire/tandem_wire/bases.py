"""Bases: full checkpoints with their serving export, each under one manifest that is won once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tandem_wire.codec import parse_time, time_text
from tandem_wire.errors import Conflict, NotFound, Refused, StoreUnavailable
from tandem_wire.layout import CHECKPOINTS, LogName, base_called, base_key, parse_base_key
from tandem_wire.log import Slot
from tandem_wire.positions import Position
from tandem_wire.records import Counters, Kind, ObjectRef, Record, Window, Writer, check_place, decode, encode
from tandem_wire.store import Store

MODEL = "model.json"
GRAPH = "dense.graph.pb"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseDraft:
    """What a trainer gives to make a base durable; ``contract`` is ``Contract.to_value()``."""

    model: str
    number: int
    uid: str
    parent: int | None
    due: datetime | None = None
    positions: Mapping[str, Position]
    watermark: datetime | None
    step: int
    objects: tuple[ObjectRef, ...]
    contract: Mapping[str, object]
    windows: tuple[Window, ...] = ()
    counters: Mapping[str, Counters] = field(default_factory=dict)


def rows_object(table: str) -> str:
    """The name of the object with the rows of one table of a base."""
    return f"rows-{table}.safetensors"


def _now() -> datetime:
    return datetime.now(UTC)


def put_base(store: Store, draft: BaseDraft, now: Callable[[], datetime] = _now) -> Record:
    """Win a base's manifest; its objects must be in the store already.

    Raises:
      Conflict: the base is durable already, by another writer; ``error.winner`` is its record. The run is done.
      Refused: something unreadable stands there.
      StoreUnavailable: it may or may not be durable; try again.
    """
    record = _record(draft, now())
    data = encode(record)
    try:
        store.put(base_key(draft.number), data, create=True)
    except Conflict as error:
        try:
            winner = _read(store, draft.number, draft.model)
        except NotFound:
            raise StoreUnavailable(f"{record.called}: the store reports a conflict, but nothing is there") from error
        if winner.writer.uid == draft.uid:
            return winner
        raise Conflict(error.key, winner) from error
    return decode(data, record.called)


def read_base(store: Store, base: int, model: str | None = None) -> Record:
    """Read and verify the manifest of a base.

    Raises:
      NotFound: it is not durable.
      Refused: it was retired, is another model's, or its bytes were altered.
    """
    record = _read(store, base, model)
    if record.kind is Kind.RETIRED:
        raise Refused(record.called, "was retired, its data are deleted")
    return record


def list_bases(store: Store, model: str | None = None, after: int = -1) -> tuple[Slot, ...]:
    """Read the manifests of all bases above ``after``, ascending, retired ones too; unreadable ones say why."""
    result = []
    for entry in store.list(CHECKPOINTS, base_key(after) if after >= 0 else ""):
        number = parse_base_key(entry.key)
        if number is None or number <= after:
            continue
        try:
            result.append(Slot(number, _read(store, number, model)))
        except (Refused, NotFound) as error:
            result.append(Slot(number, None, str(error)))
    return tuple(result)


def _read(store: Store, base: int, model: str | None) -> Record:
    record = decode(store.get(base_key(base)).data, base_called(base))
    check_place(record, log=LogName.CHECKPOINTS, number=base, slot=0, model=model)
    return record


def _record(draft: BaseDraft, now: datetime) -> Record:
    return Record(
        model=draft.model,
        log=LogName.CHECKPOINTS,
        number=draft.number,
        slot=0,
        kind=Kind.BASE,
        writer=Writer(draft.uid, 0),
        created=parse_time(time_text(now)),
        base=None,
        parent=draft.parent,
        due=draft.due,
        voids=None,
        positions=draft.positions,
        watermark=draft.watermark,
        step=draft.step,
        objects=draft.objects,
        windows=draft.windows,
        counters=draft.counters,
        contract=draft.contract,
        digest="",
    )
