from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_ops import Delta, Snapshot
from tandem_training.checkpoints import (
    Cut,
    Progress,
    base_objects,
    cut_of_deltas,
    ms_of,
    serving_rows,
    time_of,
    update_objects,
    windows_of,
)
from tandem_training.evaluation import WindowResult
from tandem_training.state import DenseCut
from tandem_wire.positions import KafkaPosition
from tandem_wire.records import Part
from tandem_wire.tensors import unpack

ROWS = Snapshot(
    keys=np.array([-5, 3, 9], np.int64),
    rows=np.array([[1, 2], [0, 0], [3, 0]], np.float32),
    slots=np.array([[4, 5], [6, 7], [8, 9]], np.float32),
    steps=np.array([1, 2, 3], np.int64),
    seen=np.array([10, 20, 30], np.int64),
)
DENSE = DenseCut(
    {"ctr/bias": np.array([0.5], np.float32)}, {"ctr/bias": {"accumulator": np.array([1.5], np.float32)}}, 12
)
PROGRESS = Progress({"click": KafkaPosition("t", {0: 7})}, {"click": 1234}, 1000, (), {})


def test_an_update_carries_both_parts():
    gone = np.array([11], np.int64)
    delta = Delta(4, ROWS.keys, ROWS.rows, ROWS.slots, ROWS.steps, ROWS.seen, gone)
    cut = cut_of_deltas(DENSE, {"brand": delta}, PROGRESS)
    assert cut.epochs == {"brand": 4}
    objects = update_objects(cut)
    assert {(part.value, name) for part, name in objects} == {
        ("serving", "serving.safetensors"),
        ("training", "training.safetensors"),
    }
    serving = unpack(objects[Part.SERVING, "serving.safetensors"])
    assert {name: value.tolist() for name, value in serving.items()} == {
        "rows/brand/keys": [-5, 3, 9],
        "rows/brand/values": [[1, 2], [0, 0], [3, 0]],
        "rows/brand/removed": [11],
        "weights/ctr/bias": [0.5],
    }
    training = unpack(objects[Part.TRAINING, "training.safetensors"])
    assert {name: value.tolist() for name, value in training.items()} == {
        "table/brand/keys": [-5, 3, 9],
        "table/brand/rows": [[1, 2], [0, 0], [3, 0]],
        "table/brand/slots": [[4, 5], [6, 7], [8, 9]],
        "table/brand/steps": [1, 2, 3],
        "table/brand/seen": [10, 20, 30],
        "table/brand/removed": [11],
        "dense/ctr/bias": [0.5],
        "slots/ctr/bias/accumulator": [1.5],
        "state/event_time/click": [1234],
    }


def test_admission_state_and_the_meaning_of_slots_travel_with_the_training_part():
    counts = np.array([2**62, -1], np.int64)
    cut = Cut(replace(DENSE, layout="m+v"), {}, {}, {}, PROGRESS, {"brand": counts, "user": np.zeros(0, np.int64)})
    training = unpack(update_objects(cut)[Part.TRAINING, "training.safetensors"])
    assert training["state/admission/brand"].tolist() == counts.tolist()
    assert "state/admission/user" not in training
    assert bytes(training["state/layout"]) == b"m+v"


def test_a_base_has_an_object_per_table_and_may_drop_zero_rows():
    cut = Cut(DENSE, {"brand": ROWS}, {}, {}, PROGRESS)
    objects = base_objects(cut, drop_zeros=True)
    assert sorted((part.value, name) for part, name in objects) == [
        ("serving", "rows-brand.safetensors"),
        ("serving", "weights.safetensors"),
        ("training", "table-brand.safetensors"),
        ("training", "training.safetensors"),
    ]
    assert unpack(objects[Part.SERVING, "rows-brand.safetensors"])["rows/brand/keys"].tolist() == [-5, 9]
    assert unpack(objects[Part.TRAINING, "table-brand.safetensors"])["table/brand/keys"].tolist() == [-5, 3, 9]


@pytest.mark.parametrize(("drop", "keys"), [(False, [-5, 3, 9]), (True, [-5, 9])])
def test_zero_rows(drop, keys):
    tensors = serving_rows("t", ROWS, drop_zeros=drop)
    assert tensors["rows/t/keys"].tolist() == keys
    assert len(tensors["rows/t/values"]) == len(keys)


@settings(deadline=None)
@given(st.integers(0, 4_000_000_000_000))
def test_times_round_trip_to_the_millisecond(ms):
    assert ms_of(time_of(ms)) == ms


def test_windows():
    (window,) = windows_of([WindowResult("ctr", 60_000, 120_000, 10, 3, None, 0.5, 0.25)])
    assert (window.start, window.end) == (datetime.fromtimestamp(60, UTC), datetime.fromtimestamp(120, UTC))
    assert (window.samples, window.positives, window.auc, window.loss, window.predicted) == (10, 3, None, 0.5, 0.25)
