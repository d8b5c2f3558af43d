"""Between the trainer's memory and the records of the store: what is cut, how it is packed, how it is restored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from tandem_ops import Delta, Snapshot
from tandem_wire.bases import WEIGHTS, rows_object
from tandem_wire.lineage import TrainingState
from tandem_wire.positions import Position
from tandem_wire.records import Counters, Part, Window
from tandem_wire.tensors import Array, pack

from tandem_training.evaluation import WindowResult
from tandem_training.state import Counts, DenseCut

SERVING = "serving.safetensors"
TRAINING = "training.safetensors"

_EVENT_TIME = "event_time/"
_ADMISSION = "admission/"
_LAYOUT = "layout"

Objects = dict[tuple[Part, str], bytes]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far training is, of the same step as the weights beside it.

    Attributes:
      positions: by stream.
      event_times: greatest trained event time by stream, ms; without those that trained nothing.
      watermark: in ms, None while unknown.
      windows: progressive evaluation.
      counters: by stream.
    """

    positions: Mapping[str, Position]
    event_times: Mapping[str, int]
    watermark: int | None
    windows: tuple[Window, ...]
    counters: Mapping[str, Counters]


@dataclass(frozen=True, slots=True)
class Cut:
    """One consistent state, copied.

    Attributes:
      dense: all dense weights.
      tables: changed rows (an update) or all rows (a keyframe, a base) by table.
      removed: keys whose rows are gone, by table; updates only.
      epochs: to acknowledge to each table once durable.
      progress: positions and evaluation.
      admission: what the tables' admission rules have counted; bases and keyframes only, since it is as large as the
        sketch and would be most of an update.
    """

    dense: DenseCut
    tables: Mapping[str, Snapshot]
    removed: Mapping[str, npt.NDArray[np.int64]]
    epochs: Mapping[str, int]
    progress: Progress
    admission: Mapping[str, Counts] = field(default_factory=dict)


def cut_of_deltas(dense: DenseCut, deltas: Mapping[str, Delta], progress: Progress) -> Cut:
    """Return the cut of an update."""
    return Cut(
        dense=dense,
        tables={name: delta.changed for name, delta in deltas.items()},
        removed={name: delta.removed for name, delta in deltas.items() if len(delta.removed)},
        epochs={name: delta.epoch for name, delta in deltas.items()},
        progress=progress,
    )


def update_objects(cut: Cut) -> Objects:
    """Pack an update or a keyframe: one object per part."""
    serving = _serving_weights(cut.dense)
    for name, table in cut.tables.items():
        serving |= serving_rows(name, table, drop_zeros=False)
    for name, removed in cut.removed.items():
        serving[f"rows/{name}/removed"] = removed
    training = _training_dense(cut)
    for name, table in cut.tables.items():
        training |= _training_rows(name, table)
    for name, removed in cut.removed.items():
        training[f"table/{name}/removed"] = removed
    return {(Part.SERVING, SERVING): pack(serving), (Part.TRAINING, TRAINING): pack(training)}


def base_objects(cut: Cut, *, drop_zeros: bool) -> Objects:
    """Pack a base without its model.json and graph: one object per table and part, and one for the rest."""
    objects: Objects = {
        (Part.SERVING, WEIGHTS): pack(_serving_weights(cut.dense)),
        (Part.TRAINING, TRAINING): pack(_training_dense(cut)),
    }
    for name, table in cut.tables.items():
        objects[Part.SERVING, rows_object(name)] = pack(serving_rows(name, table, drop_zeros=drop_zeros))
        objects[Part.TRAINING, f"table-{name}.safetensors"] = pack(_training_rows(name, table))
    return objects


def serving_rows(name: str, table: Snapshot, *, drop_zeros: bool) -> dict[str, Array]:
    """Return the serving tensors of a table; rows of zeros may go, since an id without a row reads as zeros."""
    kept = table.rows.any(axis=1) if drop_zeros else slice(None)
    return {f"rows/{name}/keys": table.keys[kept], f"rows/{name}/values": table.rows[kept]}


def windows_of(results: Iterable[WindowResult]) -> tuple[Window, ...]:
    """Write evaluation windows as a manifest has them."""
    return tuple(
        Window(w.task, time_of(w.start), time_of(w.end), w.samples, w.positives, w.auc, w.loss, w.predicted)
        for w in results
    )


def time_of(ms: int) -> datetime:
    """Return the UTC time of milliseconds since the epoch."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def ms_of(moment: datetime) -> int:
    """Return milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Restored:
    """What training goes on from.

    Attributes:
      dense: dense weights, slots and step.
      tables: all rows by table.
      admission: what the admission rules had counted, by table; of the newest base or keyframe.
      positions: by stream.
      event_times: greatest trained event time by stream, ms.
      watermark: in ms, None while unknown.
    """

    dense: DenseCut
    tables: Mapping[str, Snapshot]
    admission: Mapping[str, Counts]
    positions: Mapping[str, Position]
    event_times: Mapping[str, int]
    watermark: int | None


def restored(state: TrainingState) -> Restored:
    """Read what ``tandem_wire`` composed of a base and its log."""
    slots: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    for name, value in state.slots.items():
        weight, _, slot = name.rpartition("/")
        slots.setdefault(weight, {})[slot] = _floats(value)
    return Restored(
        dense=DenseCut(
            weights={name: _floats(value) for name, value in state.dense.items()},
            slots=slots,
            step=state.step,
            layout=bytes(state.state.get(_LAYOUT, np.zeros(0, np.uint8))).decode(),
        ),
        tables={
            name: Snapshot(t.keys, _floats(t.rows), _floats(t.slots), _ints(t.steps), _ints(t.seen))
            for name, t in state.tables.items()
        },
        admission={
            name.removeprefix(_ADMISSION): _ints(value)
            for name, value in state.state.items()
            if name.startswith(_ADMISSION)
        },
        positions=state.positions,
        event_times={
            name.removeprefix(_EVENT_TIME): int(value[0])
            for name, value in state.state.items()
            if name.startswith(_EVENT_TIME)
        },
        watermark=None if state.watermark is None else ms_of(state.watermark),
    )


def _serving_weights(dense: DenseCut) -> dict[str, Array]:
    return {f"weights/{name}": value for name, value in dense.weights.items()}


def _training_rows(name: str, table: Snapshot) -> dict[str, Array]:
    columns: dict[str, Array] = {
        "keys": table.keys,
        "rows": table.rows,
        "slots": table.slots,
        "steps": table.steps,
        "seen": table.seen,
    }
    return {f"table/{name}/{column}": value for column, value in columns.items()}


def _training_dense(cut: Cut) -> dict[str, Array]:
    tensors: dict[str, Array] = {f"dense/{name}": value for name, value in cut.dense.weights.items()}
    tensors |= {
        f"slots/{name}/{slot}": value for name, slots in cut.dense.slots.items() for slot, value in slots.items()
    }
    tensors |= {f"state/{_EVENT_TIME}{name}": np.array([ms], np.int64) for name, ms in cut.progress.event_times.items()}
    tensors |= {f"state/{_ADMISSION}{name}": counts for name, counts in cut.admission.items() if counts.size}
    if cut.dense.layout:
        tensors[f"state/{_LAYOUT}"] = np.frombuffer(cut.dense.layout.encode(), np.uint8)
    return tensors


def _floats(value: Array) -> npt.NDArray[np.float32]:
    return value.astype(np.float32, copy=False)


def _ints(value: Array) -> npt.NDArray[np.int64]:
    return value.astype(np.int64, copy=False)
