"""Bases and updates of the bench's model in a store, written as a trainer writes them, ahead of when they are due.

Objects are put before anything is measured; to make an update durable at its time is one small manifest. Objects are
used again by several updates, which a manifest may.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from tandem_wire.bases import GRAPH, MODEL, WEIGHTS, BaseDraft, put_base, rows_object
from tandem_wire.layout import LogId, base_slot, new_uid
from tandem_wire.log import LogWriter
from tandem_wire.objects import put_objects
from tandem_wire.records import Draft, Kind, ObjectRef, Part, Record
from tandem_wire.store import Store
from tandem_wire.target import Owner, Target, read_target, write_target
from tandem_wire.tensors import pack

from bench.serving.model import DIM, ServedModel, served_weights

Floats = npt.NDArray[np.float32]
Keys = npt.NDArray[np.int64]

MODEL_NAME = "bench/served"
TABLE = "ids"
_UPDATE = "serving.safetensors"


@dataclass(frozen=True, slots=True)
class Change:
    """What an update changes: rows, and all dense weights, those of the model of ``seed``."""

    seed: int
    keys: Keys
    values: Floats


class Lineage:
    """The writer of one model's bases and updates. Not for several threads at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._uid = new_uid()
        self._bases: dict[int, Record] = {}
        self._logs: dict[int, LogWriter] = {}

    def base(self, number: int, model: ServedModel, values: Floats) -> Record:
        """Make a base durable whose table has the keys 0, 1, 2 … with these rows."""
        keys = np.arange(len(values), dtype=np.int64)
        data = {
            (Part.SERVING, MODEL): model.spec.to_json().encode(),
            (Part.SERVING, GRAPH): model.graph,
            (Part.SERVING, WEIGHTS): pack({f"weights/{name}": value for name, value in model.weights.items()}),
            (Part.SERVING, rows_object(TABLE)): pack({f"rows/{TABLE}/keys": keys, f"rows/{TABLE}/values": values}),
        }
        draft = BaseDraft(
            model=MODEL_NAME,
            number=number,
            uid=self._uid,
            parent=None,
            positions={},
            watermark=datetime.now(UTC),
            step=0,
            objects=put_objects(self._store, self._uid, base_slot(number), data),
            contract={},
        )
        self._bases[number] = put_base(self._store, draft)
        return self._bases[number]

    def objects(self, name: str, change: Change) -> tuple[ObjectRef, ...]:
        """Put an update's object; ``name`` tells people what it is for."""
        tensors: dict[str, npt.NDArray[np.generic]] = {
            f"weights/{weight}": value for weight, value in served_weights(change.seed).items()
        }
        tensors |= {f"rows/{TABLE}/keys": change.keys, f"rows/{TABLE}/values": change.values}
        return put_objects(self._store, self._uid, name, {(Part.SERVING, _UPDATE): pack(tensors)})

    def update(self, base: int, objects: Sequence[ObjectRef], *, keyframe: bool = False) -> Record:
        """Make an update durable whose objects are there already."""
        if base not in self._logs:
            self._logs[base] = LogWriter(self._store, MODEL_NAME, LogId.updates(base), uid=self._uid)
            self._logs[base].claim()
        kind = Kind.KEYFRAME if keyframe else Kind.UPDATE
        draft = Draft(kind=kind, base=self._bases[base].digest, objects=tuple(objects), watermark=datetime.now(UTC))
        return self._logs[base].append(draft)

    def serve(self, stable: int) -> None:
        """Tell all pods to answer from a base."""
        found = read_target(self._store)
        if found is None:
            write_target(self._store, _first(stable), None)
            return
        target, etag = found
        write_target(self._store, replace(target, revision=target.revision + 1, stable=stable), etag)


def changed_rows(seed: int, table_rows: int, count: int) -> Change:
    """Draw which rows an update changes, evenly, and to what."""
    random = np.random.default_rng(seed)
    keys = np.sort(random.choice(table_rows, count, replace=False)).astype(np.int64)
    return Change(seed, keys, random.normal(0, 0.3, (count, DIM)).astype(np.float32))


def applied(values: Floats, changes: Sequence[Change]) -> Floats:
    """Return the rows of a table after these updates."""
    after = values.copy()
    for change in changes:
        after[change.keys] = change.values
    return after


def _first(stable: int) -> Target:
    return replace(Target.first(Owner("bench", "served"), datetime.now(UTC)), stable=stable)
