"""Samples, streams and configurations for the trainer's tests."""

import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tandem_training.streams.base import RawSample
from tandem_wire.config import (
    Role,
    SegmentsConfig,
    StoreConfig,
    StreamConfig,
    SwiftConfig,
    TrainerConfig,
    TrainingConfig,
)

T0 = 1_790_000_000_000
"""Event time of the first sample, ms."""

SMALL = {
    "features": [
        {"name": "user_id", "kind": "id", "dim": 2},
        {"name": "brand", "kind": "id", "dim": 3, "dtype": "string"},
        {"name": "tags", "kind": "id", "dim": 2, "length": 3, "pooling": "mean", "table": "tag"},
        {"name": "numeric", "kind": "numeric", "length": 2},
    ],
    "hidden": [4],
}


def example(**features: object) -> bytes:
    """A tf.Example; a value is an int, float, bytes or a list of them, None leaves the feature out."""
    message = tf.train.Example()
    for name, value in features.items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        feature = message.features.feature[name]
        if all(isinstance(item, int) for item in values):
            feature.int64_list.value.extend(values)
        elif all(isinstance(item, bytes) for item in values):
            feature.bytes_list.value.extend(values)
        else:
            feature.float_list.value.extend(values)
    data: bytes = message.SerializeToString()
    return data


def sample(i: int = 0, **changed: object) -> bytes:
    """The i-th sample of a small stream that can be learned; ``changed`` overrides features."""
    random = np.random.default_rng(i)
    user = int(random.integers(50))
    label = float(random.random() < (0.8 if user % 2 else 0.2))
    features: dict[str, object] = {
        "event_time": T0 + i,
        "label": label,
        "user_id": user - 7,
        "brand": b"brand %d" % random.integers(5),
        "tags": [int(tag) for tag in random.integers(9, size=random.integers(1, 4))],
        "numeric": [float(x) for x in random.normal(size=2)],
    }
    return example(**(features | changed))


def samples(count: int, start: int = 0) -> list[bytes]:
    return [sample(i) for i in range(start, start + count)]


def tfrecord_bytes(records: Sequence[bytes], path: Path) -> bytes:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    data = path.read_bytes()
    path.unlink()
    return data


def put_segments(folder: Path, records: Sequence[bytes], per_segment: int) -> None:
    """Write records as segments 000000, 000001, … below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = len(list(folder.iterdir()))
    for i in range(0, len(records), per_segment):
        name = folder / f"{taken + i // per_segment:06d}"
        name.write_bytes(tfrecord_bytes(records[i : i + per_segment], folder.parent / "writing"))


def stream(name: str, folder: Path, task: str = "ctr") -> StreamConfig:
    return StreamConfig(name=name, task=task, segments=SegmentsConfig(url=f"file://{folder}"), idle_after_seconds=5.0)


def config(store: str, streams: Sequence[StreamConfig], role: Role = Role.A, **changed: object) -> TrainerConfig:
    values: dict[str, Any] = {
        "role": role,
        "model": "shop/search",
        "number": 0,
        "store": StoreConfig(store),
        "entrypoint": "tandem_training.models.ctr_cvr:build",
        "config": SMALL,
        "freezing": ("user_id",),
        "streams": tuple(streams),
        "training": TrainingConfig(batch_size=16),
        "swift": SwiftConfig(0.05, 3),
        "window_seconds": 60.0,
        "metrics_port": 0,
    }
    return TrainerConfig(**(values | changed))


def now_seconds() -> float:
    """A clock that stands still shortly after the samples, so that only full batches train."""
    return T0 / 1000 + 60


def tear(data: bytes, record: int) -> bytes:
    """Flip a bit inside the payload of one record of a TFRecord file."""
    at = 0
    for _ in range(record):
        at += 16 + struct.unpack_from("<Q", data, at)[0]
    return data[: at + 12] + bytes([data[at + 12] ^ 1]) + data[at + 13 :]


def raw(records: Sequence[bytes]) -> list[RawSample]:
    return [RawSample((0, i + 1), record) for i, record in enumerate(records)]


def eventually(condition: Callable[[], object], seconds: float = 120.0) -> bool:
    """Wait until a condition holds; False when it never did."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        pause.wait(0.01)
    return False


def named(*rows: tuple[object, ...]) -> list[object]:
    """Rows of a table of cases; the first column names the case and is not passed on."""
    return [pytest.param(*row[1:], id=str(row[0])) for row in rows]
