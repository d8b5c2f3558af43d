"""A small model and its lineage, written as trainers write them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from tandem_wire.bases import GRAPH, MODEL, WEIGHTS, BaseDraft, put_base, rows_object
from tandem_wire.layout import LogId, base_slot, new_uid
from tandem_wire.log import LogWriter
from tandem_wire.model import (
    DenseSpec,
    DType,
    Group,
    InputSpec,
    ModelSpec,
    OutputSpec,
    Pooling,
    TableSpec,
    WeightSpec,
)
from tandem_wire.objects import put_objects
from tandem_wire.positions import KafkaPosition
from tandem_wire.records import Draft, Kind, Part, Record
from tandem_wire.store import Store
from tandem_wire.tensors import Tensors, pack

NAME = "shop/search"
T0 = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
SPEC = ModelSpec(
    name="search",
    inputs=(
        InputSpec("user", DType.INT64, "user", Pooling.NONE, 1),
        InputSpec("brand", DType.STRING, "brand", Pooling.MEAN, 3),
    ),
    tables=(TableSpec("user", 2, Group.FREEZING), TableSpec("brand", 1, Group.CHANGING)),
    weights=(WeightSpec("mlp/0/kernel", (3, 1)),),
    dense=DenseSpec(GRAPH, ("brand", "user"), ("feature_0:0", "feature_1:0"), ("weight_0:0",), ("ctr:0",)),
    outputs=(OutputSpec("ctr", DType.FLOAT32, "ctr"),),
)
Table = Mapping[int, float]


def keys(ids: Sequence[int]) -> np.ndarray:
    return np.array(sorted(ids), np.int64)


def values(table: Table, dim: int) -> np.ndarray:
    return np.array([[table[i]] * dim for i in sorted(table)], np.float32).reshape(len(table), dim)


def rows(name: str, table: Table, dim: int) -> Tensors:
    return {f"rows/{name}/keys": keys(list(table)), f"rows/{name}/values": values(table, dim)}


def weights(value: float) -> Tensors:
    return {"weights/mlp/0/kernel": np.full((3, 1), value, np.float32)}


def trained(name: str, table: Table, dim: int) -> Tensors:
    count = len(table)
    return {
        f"table/{name}/keys": keys(list(table)),
        f"table/{name}/rows": values(table, dim),
        f"table/{name}/slots": values(table, 1) + 100,
        f"table/{name}/steps": np.full(count, 7, np.int64),
        f"table/{name}/seen": np.full(count, 9, np.int64),
    }


def dense(value: float) -> Tensors:
    return {
        "dense/mlp/0/kernel": np.full((3, 1), value, np.float32),
        "slots/mlp/0/kernel/accumulator": np.full((3, 1), value + 1, np.float32),
        "state/rng": np.array([int(value)], np.int64),
    }


def position(offset: int) -> dict[str, KafkaPosition]:
    return {"click": KafkaPosition("clicks", {0: offset})}


@dataclass
class Lineage:
    """A base and a writer of its log; every method makes something durable."""

    store: Store
    number: int = 0
    model: str = NAME
    uid: str = field(default_factory=new_uid)
    base: Record = field(init=False)
    writer: LogWriter = field(init=False)

    def __post_init__(self) -> None:
        self.base = self.put_base()
        self.writer = LogWriter(self.store, self.model, LogId.updates(self.number), uid=new_uid())
        self.writer.claim()

    def put_base(self, user: Table | None = None, brand: Table | None = None) -> Record:
        user, brand = user or {1: 0.5, 9: 0.25}, brand or {1: 1.0, 3: 3.0, 5: 5.0}
        data = {
            (Part.SERVING, MODEL): SPEC.to_json().encode(),
            (Part.SERVING, GRAPH): b"graph",
            (Part.SERVING, WEIGHTS): pack(weights(0.0)),
            (Part.SERVING, rows_object("user")): pack(rows("user", user, 2)),
            (Part.SERVING, rows_object("brand")): pack(rows("brand", brand, 1)),
            (Part.TRAINING, "training.safetensors"): pack(
                {**trained("user", user, 2), **trained("brand", brand, 1), **dense(0.0)}
            ),
        }
        refs = put_objects(self.store, self.uid, base_slot(self.number), data)
        return put_base(
            self.store,
            BaseDraft(
                model=self.model,
                number=self.number,
                uid=self.uid,
                parent=self.number - 1 if self.number else None,
                positions=position(100),
                watermark=T0,
                step=10,
                objects=refs,
                contract={},
            ),
            now=lambda: T0,
        )

    def draft(self, brand: Table, removed: Sequence[int] = (), step: int = 11, **changes: object) -> Draft:
        serving = {**rows("brand", brand, 1), **weights(step)}
        training = {**trained("brand", brand, 1), **dense(step)}
        if removed:
            serving["rows/brand/removed"] = training["table/brand/removed"] = keys(removed)
        data = {
            (Part.SERVING, "serving.safetensors"): pack(serving),
            (Part.TRAINING, "training.safetensors"): pack(training),
        }
        log = LogId.updates(self.number)
        refs = put_objects(self.store, self.writer.uid, log.slot_name(self.writer.next_slot), data)
        common: dict[str, object] = {
            "kind": Kind.UPDATE,
            "base": self.base.digest,
            "positions": position(100 + step),
            "watermark": T0,
            "step": step,
            "objects": refs,
        }
        return Draft(**{**common, **changes})  # type: ignore[arg-type]

    def update(self, brand: Table, removed: Sequence[int] = (), step: int = 11) -> Record:
        return self.writer.append(self.draft(brand, removed, step))

    def keyframe(self, brand: Table, step: int = 11, voids: int | None = None) -> Record:
        return self.writer.append(self.draft(brand, (), step, kind=Kind.KEYFRAME, voids=voids))


def damage(store: Store, key: str) -> None:
    """Flip the lowest bit of the middle byte of an object."""
    data = bytearray(store.get(key).data)
    data[len(data) // 2] ^= 1
    store.put(key, bytes(data))
