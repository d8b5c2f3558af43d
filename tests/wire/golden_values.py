"""One value of every format, as the files in golden/ hold them.

A file, once there, is never changed: it is what old stores hold.

``python -m tests.wire.golden_values`` writes the files that are missing.
"""

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
from tandem_wire.config import (
    CallGraphConfig,
    Contract,
    KafkaConfig,
    OptimizerConfig,
    Role,
    SegmentsConfig,
    ServerConfig,
    StoreConfig,
    StreamConfig,
    SwiftConfig,
    TrainerConfig,
    TrainingConfig,
)
from tandem_wire.layout import LogName
from tandem_wire.model import Group, TableSpec
from tandem_wire.positions import KafkaPosition, SegmentPosition
from tandem_wire.records import Counters, Kind, ObjectRef, Part, Record, Window, Writer, encode
from tandem_wire.report import (
    CandidateReport,
    CandidateState,
    Fault,
    GraphReport,
    GraphState,
    LoadedReport,
    PodReport,
    Refusal,
    ServingReport,
    Termination,
)
from tandem_wire.target import Owner, Promoted, Run, Target
from tandem_wire.tensors import Tensors, pack

from tests.wire.builders import SPEC, T0

GOLDEN = Path(__file__).parent / "golden"
UID = "0123456789abcdef" * 2
DIGEST = "fedcba9876543210" * 4
STORE = StoreConfig("s3://models/prod/shop/search", "http://s3:8333", "us-east-1")
STREAMS = (
    StreamConfig("click", "ctr", kafka=KafkaConfig("kafka:9092", "clicks")),
    StreamConfig(
        "order",
        "cvr",
        segments=SegmentsConfig("s3://samples/orders/", "http://s3:8333", "us-east-1"),
        max_out_of_order_seconds=2.5,
    ),
)
TRAINING = TrainingConfig(optimizer=OptimizerConfig("Adagrad", {"initial": 0.1}), eviction={"ttl": "30d"})


def ref(part: Part, name: str) -> ObjectRef:
    return ObjectRef(name, part, f"objects/{UID}/u17-204/{part.value}-{DIGEST[:16]}-{name}", 1234, DIGEST)


def record(**changes: object) -> Record:
    """An update; ``changes`` make it something else."""
    fields: dict[str, object] = {
        "model": "shop/search",
        "log": LogName.UPDATES,
        "number": 17,
        "slot": 204,
        "kind": Kind.UPDATE,
        "writer": Writer(UID, 3),
        "created": T0 + timedelta(milliseconds=7),
        "base": DIGEST,
        "parent": None,
        "due": None,
        "voids": None,
        "positions": {
            "click": KafkaPosition("clicks", {0: 1200, 11: 0}),
            "order": SegmentPosition("part-0001", "part-0002", 17),
        },
        "watermark": T0,
        "step": 4711,
        "objects": (ref(Part.SERVING, "serving.safetensors"), ref(Part.TRAINING, "training.safetensors")),
        "windows": (
            Window("ctr", T0, T0 + timedelta(minutes=30), 1000, 31, 0.75, 0.1875, 0.03125),
            Window("cvr", T0, T0 + timedelta(minutes=30), 31, 0, None, 1e-07, 0.0),
        ),
        "counters": {"click": Counters(1003, 1000, {"NotAnExample": 3}), "ordér": Counters()},
        "contract": None,
        "digest": "",
    }
    return Record(**{**fields, **changes})  # type: ignore[arg-type]


BARE: dict[str, object] = {
    "base": None,
    "positions": {},
    "watermark": None,
    "step": 0,
    "objects": (),
    "windows": (),
    "counters": {},
}
BASE = record(
    log=LogName.CHECKPOINTS,
    slot=0,
    kind=Kind.BASE,
    writer=Writer(UID, 0),
    base=None,
    parent=16,
    due=T0,
    contract=Contract(
        entrypoint="tandem_training.models.ctr_cvr:build",
        config={"hidden": [512, 256]},
        freezing=("user",),
        streams=STREAMS,
        tables=(TableSpec("user", 16, Group.FREEZING),),
        training=TRAINING,
    ).to_value(),
)
RECORDS = {
    "base": BASE,
    "update": record(),
    "keyframe": record(kind=Kind.KEYFRAME, slot=205, voids=204),
    "barrier": record(kind=Kind.BARRIER, slot=1, **BARE),
    "increment": record(log=LogName.RUNS, kind=Kind.INCREMENT, slot=2, base=None),
    "retired": record(kind=Kind.RETIRED, **BARE),
}
VALUES = {
    "model": SPEC,
    "target": Target(
        revision=12,
        owner=Owner("cluster-uid", "resource-uid"),
        stable=17,
        candidate=18,
        candidate_pods=("search-serving-a", "search-serving-b"),
        step=1,
        since=T0,
        refused={16: "auc of ctr fell by 0.004"},
        run=Run(18, 19, None, T0),
        history=(Promoted(17, T0, "Promotion"),),
    ),
    "trainer": TrainerConfig(
        role=Role.A,
        model="shop/search",
        number=18,
        parent=17,
        due=T0,
        store=STORE,
        entrypoint="tandem_training.models.ctr_cvr:build",
        config={"embeddingDim": 16},
        freezing=("user", "item"),
        streams=STREAMS,
        training=TRAINING,
        swift=SwiftConfig(2.0, 60),
    ),
    "server": ServerConfig(
        model="shop/search",
        served_name="search",
        store=STORE,
        batch_sizes=(1, 8),
        exclude_ops=("NonMaxSuppression",),
        cuda_graph=True,
        call_graph=CallGraphConfig(100, 2.5),
    ),
    "report": PodReport(
        model="shop/search",
        pod="search-serving-a",
        ready=True,
        serving=ServingReport(17, 204, T0, T0),
        loaded=(LoadedReport(17, 204), LoadedReport(18, 0)),
        candidate=CandidateReport(18, CandidateState.WARM),
        target=12,
        refused=(Refusal("updates/17/203", "digest of serving.safetensors is 9f3c…", T0),),
        store_seen_at=T0,
        answers=1000,
        errors=0,
        graph=GraphReport(GraphState.FALLBACK, "8 rows do not compile"),
    ),
    "termination": Termination(Fault.USER, "NoSuchBucket", "bucket 'modles' does not exist: create it"),
}
TENSORS: Tensors = {
    "rows/brand/keys": np.array([-5, 0, 9], np.int64),
    "rows/brand/values": np.array([[0.5], [-1.25], [3.0]], np.float32),
    "weights/mlp/0/bias": np.array(0.125, np.float32),
    "rows/none/keys": np.zeros(0, np.int64),
    "rows/none/values": np.zeros((0, 4), np.float32),
}


def files() -> dict[str, Callable[[], bytes]]:
    made: dict[str, Callable[[], bytes]] = {"tensors.safetensors": lambda: pack(TENSORS)}
    for name, item in RECORDS.items():
        made[f"{name}.json"] = lambda item=item: encode(item)  # type: ignore[misc]
    for name, value in VALUES.items():
        made[f"{name}.json"] = lambda value=value: value.to_json().encode()  # type: ignore[misc]
    return made


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, make in files().items():
        if not (GOLDEN / name).exists():
            (GOLDEN / name).write_bytes(make())
            sys.stdout.write(f"wrote {name}\n")
