import numpy as np
import pytest
import tandem_ops
from tandem_training.examples import Parser, Samples
from tandem_training.models.ctr_cvr import build
from tandem_training.optimizers import read_optimizers
from tandem_training.state import ModelState
from tandem_training.step import Steps

from tests.training.builders import SMALL, T0, sample, samples

LATEST = T0 + 10**6
FROZEN = ("user_id",)


class World:
    """A model with its state and steps; ``frozen`` and ``steps`` share it."""

    def __init__(self) -> None:
        self.model = build(SMALL, ["ctr", "cvr"])
        optimizers = read_optimizers("Adagrad", {}, 0.05)
        self.state = ModelState(self.model, optimizers, tandem_ops.Every(), seed=1)
        self.parser = Parser(self.model.features)
        self.steps = Steps(self.model, self.state, optimizers.dense, ())
        self.frozen = Steps(self.model, self.state, optimizers.dense, FROZEN)

    def parse(self, records: list[bytes]) -> Samples:
        parsed, rejected = self.parser.parse(records, LATEST)
        assert rejected == ()
        return parsed


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_it_learns(world):
    losses = []
    for i in range(60):
        batch = world.parse(samples(64, start=i * 64))
        scores = world.steps.train("ctr", batch)
        losses.append(-np.mean(np.log(np.where(batch.labels > 0.5, scores, 1 - scores))))
    assert np.mean(losses[-10:]) < 0.6 < np.mean(losses[:5])
    assert world.state.step == 60


def test_scores_are_those_before_the_step(world):
    batch = world.parse(samples(32))
    world.steps.train("ctr", batch)  # now every id has a row
    before = world.steps.score(batch)["ctr"]
    assert np.allclose(world.steps.train("ctr", batch), before, atol=1e-6)
    assert not np.allclose(world.steps.score(batch)["ctr"], before, atol=1e-6)


def test_a_task_leaves_the_other_tower_alone(world):
    before = world.state.cut_dense().weights
    world.steps.train("cvr", world.parse(samples(32)))
    after = world.state.cut_dense().weights
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {name for name in before if name.startswith("cvr/")}


def test_frozen_tables_neither_learn_nor_grow(world):
    world.steps.train("ctr", world.parse(samples(8)))
    before = world.state.tables["user_id"].snapshot()
    brands = world.state.tables["brand"].snapshot()
    world.frozen.train("ctr", world.parse([sample(i, user_id=10**12 + i) for i in range(20)] + samples(12)))
    after = world.state.tables["user_id"].snapshot()
    for column in ("keys", "rows", "slots", "steps", "seen"):
        assert np.array_equal(getattr(before, column), getattr(after, column))
    assert not np.array_equal(brands.rows, world.state.tables["brand"].snapshot().rows)


def test_scoring_changes_nothing(world):
    before = {name: table.snapshot() for name, table in world.state.tables.items()}
    world.steps.score(world.parse([sample(3, user_id=-999, tags=[777], brand=b"new")]))
    for name, table in world.state.tables.items():
        assert np.array_equal(before[name].keys, table.snapshot().keys)
        assert np.array_equal(before[name].rows, table.snapshot().rows)


def test_padding_has_no_row_and_pooling_passes_over_it(world):
    world.steps.train("ctr", world.parse([sample(i, tags=[5]) for i in range(4)]))
    assert -1 not in world.state.tables["tag"].snapshot().keys
    one, padded = (world.parse([sample(1, tags=tags)]) for tags in ([5], [5, -1]))
    assert np.array_equal(world.steps.score(one)["ctr"], world.steps.score(padded)["ctr"])
    none, unknown = (world.parse([sample(1, tags=tags)]) for tags in ([], [123456]))
    assert np.array_equal(world.steps.score(none)["ctr"], world.steps.score(unknown)["ctr"])


def test_rows_remember_when_they_were_last_seen(world):
    world.steps.train("ctr", world.parse([sample(7, user_id=4242), sample(9, user_id=4242)]))
    table = world.state.tables["user_id"].snapshot()
    assert table.seen[table.keys == 4242].tolist() == [(T0 + 9) // 1000]


def test_string_ids_are_keyed_by_their_fingerprint(world):
    world.steps.train("ctr", world.parse([sample(1, brand=b"\xff")]))
    assert int(tandem_ops.fingerprint([b"\xff"]).numpy()[0]) in world.state.tables["brand"].snapshot().keys
