"""Writes tiny bases and updates as a trainer would, and recomputes answers in NumPy from what wire rebuilds.

The model: a numeric input of two, one int64 id, up to three words by their mean; a dense layer with batch norm; two
heads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import tensorflow as tf
from tandem_wire.bases import GRAPH, MODEL, WEIGHTS, BaseDraft, put_base, rows_object
from tandem_wire.layout import LogId, base_slot, new_uid
from tandem_wire.lineage import ServingState
from tandem_wire.log import LogWriter
from tandem_wire.model import (
    DenseSpec,
    DType,
    Group,
    InputSpec,
    ModelSpec,
    OutputSpec,
    Pooling,
    Side,
    TableSpec,
    WeightSpec,
)
from tandem_wire.objects import put_objects
from tandem_wire.records import Draft, Kind, Part, Record
from tandem_wire.store import Store
from tandem_wire.target import Owner, Target, read_target, write_target
from tandem_wire.tensors import pack
from xxhash import xxh64_intdigest

MODEL_NAME = "shop/search"
EPOCH = datetime(2026, 11, 10, 12, tzinfo=UTC)
DIM, HIDDEN, USERS = 4, 6, 50
WORDS = (b"red", b"green", b"shoe", b"hat", "größe".encode())
EPSILON = 1e-3

SPEC = ModelSpec(
    name="search",
    inputs=(
        InputSpec("user", DType.INT64, "users", Pooling.NONE, 1, Side.USER),
        InputSpec("words", DType.STRING, "terms", Pooling.MEAN, 3),
        InputSpec("numeric", DType.FLOAT32, None, Pooling.NONE, 2),
    ),
    tables=(TableSpec("users", DIM, Group.FREEZING), TableSpec("terms", DIM, Group.CHANGING)),
    weights=(
        WeightSpec("mlp/kernel", (2 + 2 * DIM, HIDDEN)),
        WeightSpec("mlp/bias", (HIDDEN,)),
        WeightSpec("norm/mean", (HIDDEN,)),
        WeightSpec("norm/variance", (HIDDEN,)),
        WeightSpec("ctr/kernel", (HIDDEN, 1)),
        WeightSpec("cvr/kernel", (HIDDEN, 1)),
    ),
    dense=DenseSpec(
        "dense.graph.pb",
        ("numeric", "user", "words"),
        ("feature_0:0", "feature_1:0", "feature_2:0"),
        tuple(f"weight_{i}:0" for i in range(6)),
        ("ctr:0", "cvr:0"),
    ),
    outputs=(OutputSpec("ctr", DType.FLOAT32, "ctr"), OutputSpec("cvr", DType.FLOAT32, "cvr")),
)


def dense_graph() -> bytes:
    """The dense part as a GraphDef of TensorFlow's own operations."""
    graph = tf.Graph()
    v1 = tf.compat.v1
    with graph.as_default():
        features = [v1.placeholder(tf.float32, [None, w], name=f"feature_{i}") for i, w in enumerate((2, DIM, DIM))]
        kernel, bias, mean, variance, ctr, cvr = (
            v1.placeholder(tf.float32, spec.shape, name=f"weight_{i}") for i, spec in enumerate(SPEC.weights)
        )
        hidden = tf.matmul(tf.concat(features, 1), kernel) + bias
        hidden = tf.nn.relu((hidden - mean) * tf.math.rsqrt(variance + EPSILON))
        for name, head in (("ctr", ctr), ("cvr", cvr)):
            tf.reshape(tf.sigmoid(tf.matmul(hidden, head)), [-1], name=name)
    data: bytes = graph.as_graph_def().SerializeToString()
    return data


def word_id(word: bytes) -> int:
    return int(np.uint64(xxh64_intdigest(word)).view(np.int64))


def answers(
    state: ServingState, users: np.ndarray, words: list[list[bytes]], numeric: np.ndarray
) -> dict[str, np.ndarray]:
    """Recompute answers from a state that wire rebuilt, in NumPy alone."""
    word_rows = [_mean([_row(state, "terms", word_id(w)) for w in row if w]) for row in words]
    user_rows = [_row(state, "users", int(user)) for user in users]
    x = np.concatenate([numeric, np.stack(user_rows), np.stack(word_rows)], axis=1).astype(np.float64)
    w = {name: array.astype(np.float64) for name, array in state.weights.items()}
    hidden = x @ w["mlp/kernel"] + w["mlp/bias"]
    hidden = np.maximum((hidden - w["norm/mean"]) / np.sqrt(w["norm/variance"] + EPSILON), 0.0)
    return {name: (1 / (1 + np.exp(-hidden @ w[f"{name}/kernel"])))[:, 0] for name in ("ctr", "cvr")}


def _row(state: ServingState, table: str, key: int) -> np.ndarray:
    rows = state.tables[table]
    at = np.flatnonzero(rows.keys == key)
    return rows.values[at[0]] if len(at) else np.zeros(DIM, np.float32)


def _mean(rows: list[np.ndarray]) -> np.ndarray:
    return np.mean(rows, axis=0) if rows else np.zeros(DIM, np.float32)


@dataclass
class LineageWriter:
    """A trainer without training: every record has new random weights and rows; no two versions answer alike."""

    store: Store
    seed: int = 0
    graph: bytes = field(default_factory=dense_graph)
    _bases: dict[int, Record] = field(default_factory=dict)
    _logs: dict[int, LogWriter] = field(default_factory=dict)
    _spoil: bool = False

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def base(self, number: int, graph: bytes | None = None, weights: Mapping[str, np.ndarray] | None = None) -> Record:
        uid = new_uid()
        data = {
            (Part.SERVING, MODEL): SPEC.to_json().encode(),
            (Part.SERVING, GRAPH): self.graph if graph is None else graph,
            (Part.SERVING, WEIGHTS): pack(_prefixed("weights", self.weights() | dict(weights or {}))),
            (Part.SERVING, rows_object("users")): pack(self.rows("users", np.arange(USERS) - USERS // 2)),
            (Part.SERVING, rows_object("terms")): pack(self.rows("terms", np.array([word_id(w) for w in WORDS[:3]]))),
        }
        objects = put_objects(self.store, uid, base_slot(number), data)
        draft = BaseDraft(
            model=MODEL_NAME,
            number=number,
            uid=uid,
            parent=None,
            positions={},
            watermark=EPOCH + timedelta(hours=number),
            step=0,
            objects=objects,
            contract={},
        )
        self._bases[number] = put_base(self.store, draft)
        return self._bases[number]

    def update(self, base: int, weights: Mapping[str, np.ndarray] | None = None, *, spoiled: bool = False) -> Record:
        """Change two words, take one away, and change all weights; ``spoiled``: one bit is wrong from the start."""
        self._spoil = spoiled
        words = self._random.choice(len(WORDS), 3, replace=False)
        tensors = self.rows("terms", np.array([word_id(WORDS[i]) for i in words[:2]]))
        tensors["rows/terms/removed"] = np.array([word_id(WORDS[words[2]])])
        return self.append(base, Kind.UPDATE, tensors | _prefixed("weights", self.weights() | dict(weights or {})))

    def keyframe(self, base: int, voids: int | None = None) -> Record:
        tensors = self.rows("terms", np.array([word_id(w) for w in WORDS]))
        return self.append(base, Kind.KEYFRAME, tensors | _prefixed("weights", self.weights()), voids)

    def append(self, base: int, kind: Kind, tensors: Mapping[str, np.ndarray], voids: int | None = None) -> Record:
        log = self.log(base)
        name = LogId.updates(base).slot_name(log.next_slot)
        objects = put_objects(self.store, log.uid, name, {(Part.SERVING, "serving.safetensors"): pack(dict(tensors))})
        if self._spoil:
            flip(self.store, objects[0].key)
            self._spoil = False
        watermark = EPOCH + timedelta(hours=base, seconds=log.next_slot)
        draft = Draft(kind=kind, base=self._bases[base].digest, objects=objects, watermark=watermark, voids=voids)
        return log.append(draft)

    def log(self, base: int, *, again: bool = False) -> LogWriter:
        """The log's writer; ``again``: a new one, as after a restart."""
        if again or base not in self._logs:
            self._logs[base] = LogWriter(self.store, MODEL_NAME, LogId.updates(base), uid=new_uid())
            self._logs[base].claim()
        return self._logs[base]

    def target(self, stable: int | None, candidate: int | None = None, pods: tuple[str, ...] = ()) -> Target:
        """Write target.json, one revision later."""
        found = read_target(self.store)
        revision, etag = (1, None) if found is None else (found[0].revision + 1, found[1])
        target = Target(
            revision=revision,
            owner=Owner("cluster", "resource"),
            stable=stable,
            candidate=candidate,
            candidate_pods=pods,
            step=0,
            since=EPOCH,
            refused={},
            run=None,
            history=(),
        )
        write_target(self.store, target, etag)
        return target

    def weights(self) -> dict[str, np.ndarray]:
        """Random weights; the variance positive."""
        made = {spec.name: self._random.normal(size=spec.shape).astype(np.float32) for spec in SPEC.weights}
        return made | {"norm/variance": np.abs(made["norm/variance"]) + np.float32(0.1)}

    def rows(self, table: str, keys: np.ndarray) -> dict[str, np.ndarray]:
        """Random rows under these keys."""
        values = self._random.normal(size=(len(keys), DIM)).astype(np.float32)
        return {f"rows/{table}/keys": np.sort(keys.astype(np.int64)), f"rows/{table}/values": values}


def _prefixed(prefix: str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def corrupt(store: Store, record: Record) -> None:
    """Flip one bit of a durable record's data, as a bad disk would; not of graph and contract, which bases share."""
    flip(store, record.objects[-1].key)


def flip(store: Store, key: str) -> None:
    data = bytearray(store.get(key).data)
    data[-1] ^= 1
    store.put(key, bytes(data))
