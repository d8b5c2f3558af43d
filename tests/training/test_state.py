import numpy as np
import pytest
from tandem_training.errors import WorldError
from tandem_training.models.ctr_cvr import build
from tandem_training.optimizers import read_optimizers
from tandem_training.state import DenseCut, ModelState

from tests.training.builders import SMALL


def made(config: object = None, optimizer: str = "Adagrad", seed: int = 1) -> ModelState:
    return ModelState(build(config or SMALL, ["ctr"]), read_optimizers(optimizer, {}, 0.05), seed)  # type: ignore[arg-type]


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
    other.restore_tables({name: table.snapshot() for name, table in state.tables.items()}, strict=True)
    assert other.step == 7
    for name, variable in state.weights.items():
        assert np.array_equal(variable.numpy(), other.weights[name].numpy())
    for name, table in state.tables.items():
        assert np.array_equal(table.snapshot().rows, other.tables[name].snapshot().rows)
    assert other.rows() == {"user_id": 3, "brand": 2, "tag": 3}


def test_a_restored_table_owes_nothing():
    state, other = filled(), made()
    other.restore_tables({name: table.snapshot() for name, table in state.tables.items()}, strict=True)
    assert len(other.tables["tag"].begin_delta().keys) == 0


OTHER = SMALL | {
    "hidden": [5],
    "features": [{"name": "user_id", "dim": 2}, {"name": "brand", "dim": 4, "dtype": "string"}],
}


def test_a_changed_model_takes_what_fits():
    state, other = filled(), made(OTHER)
    fresh = other.cut_dense().weights
    other.restore_dense(state.cut_dense(), strict=False)
    other.restore_tables({name: table.snapshot() for name, table in state.tables.items()}, strict=False)
    after = other.cut_dense().weights
    assert np.array_equal(after["ctr/logit/bias"], state.weights["ctr/logit/bias"].numpy())
    assert np.array_equal(after["ctr/0/kernel"], fresh["ctr/0/kernel"])
    assert other.rows() == {"user_id": 3, "brand": 0}


def test_a_changed_optimizer_begins_with_new_slots():
    state, other = filled(), made(optimizer="Adam")
    other.restore_dense(state.cut_dense(), strict=False)
    other.restore_tables({name: table.snapshot() for name, table in state.tables.items()}, strict=False)
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
        other.restore_tables({name: table.snapshot() for name, table in state.tables.items()}, strict=True)


def test_an_empty_table_is_restored():
    other = made()
    other.restore_tables({name: table.snapshot() for name, table in made().tables.items()}, strict=True)
    assert other.rows() == {"user_id": 0, "brand": 0, "tag": 0}


def test_step_of_an_empty_cut_is_kept():
    other = made()
    other.restore_dense(DenseCut({}, {}, 9), strict=False)
    assert other.step == 9
