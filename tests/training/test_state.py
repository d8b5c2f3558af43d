import numpy as np
import pytest
import tandem_ops
from tandem_training.errors import WorldError
from tandem_training.models.ctr_cvr import build
from tandem_training.optimizers import read_optimizers
from tandem_training.state import DenseCut, ModelState

from tests.training.builders import SMALL

EVERY = tandem_ops.Every()
LAYOUT = "accumulator"


def made(
    config: object = None, optimizer: str = "Adagrad", seed: int = 1, admission: tandem_ops.Admission = EVERY
) -> ModelState:
    return ModelState(build(config or SMALL, ["ctr"]), read_optimizers(optimizer, {}, 0.05), admission, seed)  # type: ignore[arg-type]


def filled() -> ModelState:
    state = made()
    for variable in state.weights.values():
        variable.assign_add(np.ones(variable.shape, np.float32))
    for table in state.tables.values():
        table.lookup(["a", "b"] if table.name == "brand" else [3, 1, 2])
    state.step = 7
    return state


def test_a_cut_is_a_copy():
    state = filled()
    cut = state.cut_dense()
    kept = {name: value.copy() for name, value in cut.weights.items()}
    for variable in state.weights.values():
        variable.assign_add(np.ones(variable.shape, np.float32))
    assert all(np.array_equal(cut.weights[name], value) for name, value in kept.items())


def test_restores_exactly():
    state, other = filled(), made(seed=2)
    other.restore_dense(state.cut_dense(), strict=True)
    other.restore_tables({name: table.snapshot() for name, table in state.tables.items()}, LAYOUT, strict=True)
    assert other.step == 7
    for name, variable in state.weights.items():
        assert np.array_equal(variable.numpy(), other.weights[name].numpy())
    for name, table in state.tables.items():
        assert np.array_equal(table.snapshot().rows, other.tables[name].snapshot().rows)
    assert other.rows() == {"user_id": 3, "brand": 2, "tag": 3}


def test_a_restored_table_owes_nothing():
    state, other = filled(), made()
    other.restore_tables({name: table.snapshot() for name, table in state.tables.items()}, LAYOUT, strict=True)
    assert len(other.tables["tag"].begin_delta().keys) == 0


OTHER = SMALL | {
    "hidden": [5],
    "features": [{"name": "user_id", "dim": 2}, {"name": "brand", "dim": 4, "dtype": "string"}],
}


def test_a_changed_model_takes_what_fits():
    state, other = filled(), made(OTHER)
    fresh = other.cut_dense().weights
    other.restore_dense(state.cut_dense(), strict=False)
    other.restore_tables({name: table.snapshot() for name, table in state.tables.items()}, LAYOUT, strict=False)
    after = other.cut_dense().weights
    assert np.array_equal(after["ctr/logit/bias"], state.weights["ctr/logit/bias"].numpy())
    assert np.array_equal(after["ctr/0/kernel"], fresh["ctr/0/kernel"])
    assert other.rows() == {"user_id": 3, "brand": 0}


def test_a_changed_optimizer_begins_with_new_slots():
    state, other = filled(), made(optimizer="Adam")
    other.restore_dense(state.cut_dense(), strict=False)
    other.restore_tables({name: table.snapshot() for name, table in state.tables.items()}, LAYOUT, strict=False)
    table = other.tables["tag"].snapshot()
    assert np.array_equal(table.rows, state.tables["tag"].snapshot().rows)
    assert table.slots.shape == (3, 4)
    assert not table.slots.any()
    assert float(other.slots["ctr/0/kernel"]["power1"]) == 1.0


@pytest.mark.parametrize(("config", "optimizer"), [(OTHER, "Adagrad"), (SMALL, "Adam")])
def test_strict_refuses_another_model(config, optimizer):
    state, other = filled(), made(config, optimizer)
    with pytest.raises(WorldError, match="does not fit the model"):
        other.restore_dense(state.cut_dense(), strict=True)
    with pytest.raises(WorldError, match="does not fit the model"):
        other.restore_tables({name: table.snapshot() for name, table in state.tables.items()}, LAYOUT, strict=True)


def test_an_empty_table_is_restored():
    other = made()
    other.restore_tables({name: table.snapshot() for name, table in made().tables.items()}, LAYOUT, strict=True)
    assert other.rows() == {"user_id": 0, "brand": 0, "tag": 0}


def test_step_of_an_empty_cut_is_kept():
    other = made()
    other.restore_dense(DenseCut({}, {}, 9), strict=False)
    assert other.step == 9


def test_slots_of_the_same_width_and_another_meaning_begin_anew():
    state, other = made(optimizer="Adam"), made(optimizer="Ftrl")
    rows, handles = state.tables["tag"].lookup([5])
    state.tables["tag"].apply(handles, np.ones_like(rows))
    snapshots = {name: table.snapshot() for name, table in state.tables.items()}
    assert state.cut_dense().layout == "m+v"
    with pytest.raises(WorldError, match="optimizer slots of table"):
        other.restore_tables(snapshots, "m+v", strict=True)
    other.restore_tables(snapshots, "m+v", strict=False)
    assert other.tables["tag"].snapshot().slots[0].tolist() == pytest.approx([0.01, 0.01, 0.0, 0.0])


def counting(threshold: int = 3) -> ModelState:
    return made(admission=tandem_ops.CountAtLeast(threshold, sketch_bytes=4096))


def test_what_the_admission_rule_has_counted_is_restored():
    state, other = counting(), counting()
    for _ in range(2):
        state.tables["tag"].lookup([5])
    assert state.rows()["tag"] == 0
    other.restore_admission({"tag": state.tables["tag"].admission_state()}, strict=True)
    other.tables["tag"].lookup([5])
    assert other.rows()["tag"] == 1


def test_counts_of_another_sketch_are_refused_or_dropped():
    state, other = counting(), made(admission=tandem_ops.CountAtLeast(3, sketch_bytes=2**20))
    counts = {"tag": state.tables["tag"].admission_state()}
    with pytest.raises(WorldError, match="admission state of table tag"):
        other.restore_admission(counts, strict=True)
    other.restore_admission(counts, strict=False)
    assert other.rows()["tag"] == 0
