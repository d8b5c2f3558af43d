import numpy as np
import pytest
import tandem_ops
import tensorflow as tf
from tandem_training.checkpoints import Cut, Objects, Progress, base_objects
from tandem_training.errors import WorldError
from tandem_training.examples import Parser, Samples
from tandem_training.exports import add_export, model_spec, verify_export
from tandem_training.models.ctr_cvr import build
from tandem_training.optimizers import read_optimizers
from tandem_training.state import ModelState
from tandem_training.step import Steps
from tandem_wire.bases import GRAPH, MODEL, WEIGHTS
from tandem_wire.model import Group, ModelSpec, Pooling
from tandem_wire.records import Part
from tandem_wire.tensors import pack, unpack

from tests.training.builders import SMALL, T0, sample, samples


class Exported:
    """A model that has learned a little, and its export."""

    def __init__(self) -> None:
        self.model = build(SMALL | {"sharedHidden": [6]}, ["ctr", "cvr"])
        optimizers = read_optimizers("Adagrad", {}, 0.05)
        state = ModelState(self.model, optimizers, tandem_ops.Every(), seed=1)
        self.steps = Steps(self.model, state, optimizers.dense, ())
        for i in range(5):
            self.steps.train("ctr", self.parse(samples(64, i * 64)))
            self.steps.train("cvr", self.parse(samples(64, i * 64 + 32)))
        self.spec = model_spec(self.model, "search", ["user_id"])
        tables = {name: table.snapshot() for name, table in state.tables.items()}
        progress = Progress({}, {}, None, (), {})
        self.objects: Objects = base_objects(Cut(state.cut_dense(), tables, {}, {}, progress), drop_zeros=True)
        add_export(self.objects, self.model, self.spec)

    def parse(self, records: list[bytes]) -> Samples:
        return Parser(self.model.features).parse(records, T0 + 10**6)[0]


@pytest.fixture(scope="module")
def exported() -> Exported:
    return Exported()


def test_the_export_answers_as_the_live_model(exported):
    batch = exported.parse([*samples(50), sample(3, user_id=10**15, brand=b"never seen"), sample(4, tags=[])])
    live = exported.steps.score(batch)
    assert set(live) == {"ctr", "cvr"}
    assert verify_export(exported.objects, batch, live) <= 1e-5


@pytest.mark.parametrize("name", ["ctr/0/moving_mean", "cvr/0/kernel", "shared/0/gamma"])
def test_a_wrong_weight_is_found(exported, name):
    batch = exported.parse(samples(50))
    weights = dict(unpack(exported.objects[Part.SERVING, WEIGHTS]))
    weights[f"weights/{name}"] = np.add(weights[f"weights/{name}"], np.float32(0.3), dtype=np.float32)
    objects = exported.objects | {(Part.SERVING, WEIGHTS): pack(weights)}
    with pytest.raises(WorldError, match="it is not published"):
        verify_export(objects, batch, exported.steps.score(batch))


def test_a_missing_row_is_found(exported):
    batch = exported.parse(samples(50))
    key = (Part.SERVING, "rows-user_id.safetensors")
    rows = {name: value[5:] for name, value in unpack(exported.objects[key]).items()}
    with pytest.raises(WorldError, match="it is not published"):
        verify_export(exported.objects | {key: pack(rows)}, batch, exported.steps.score(batch))


def test_model_json_describes_the_model(exported):
    spec = ModelSpec.from_json(exported.objects[Part.SERVING, MODEL])
    assert spec == exported.spec
    assert {t.name: (t.dim, t.group) for t in spec.tables} == {
        "user_id": (2, Group.FREEZING),
        "brand": (3, Group.CHANGING),
        "tag": (2, Group.CHANGING),
    }
    assert {i.name: (i.dtype.value, i.table, i.pooling, i.length, spec.width(i)) for i in spec.inputs} == {
        "user_id": ("int64", "user_id", Pooling.NONE, 1, 2),
        "brand": ("string", "brand", Pooling.NONE, 1, 3),
        "tags": ("int64", "tag", Pooling.MEAN, 3, 2),
        "numeric": ("float32", None, Pooling.NONE, 2, 2),
    }
    assert [o.task for o in spec.outputs] == ["ctr", "cvr"]


def test_the_graph_has_native_ops_only(exported):
    graph = tf.compat.v1.GraphDef.FromString(exported.objects[Part.SERVING, GRAPH])
    ops = {node.op for node in graph.node}
    assert not {op for op in ops if op.startswith("Tandem")}
    assert "Placeholder" in ops
    assert not {op for op in ops if "Variable" in op or "Assign" in op}


def test_the_same_model_gives_the_same_graph(exported):
    again: Objects = {}
    add_export(again, exported.model, exported.spec)
    assert again[Part.SERVING, GRAPH] == exported.objects[Part.SERVING, GRAPH]
