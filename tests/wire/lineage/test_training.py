"""A trainer goes on exactly where the last readable record left it (I3, I4)."""

import dataclasses

import numpy as np
import pytest
from tandem_wire.errors import NotFound, Refused
from tandem_wire.layout import LogId, new_uid, record_key
from tandem_wire.lineage import TrainingState, restore_training
from tandem_wire.log import LogWriter
from tandem_wire.objects import put_objects
from tandem_wire.records import Draft, Kind, Part, Record
from tandem_wire.store import Store
from tandem_wire.store.local import LocalStore
from tandem_wire.tensors import Tensors, pack

from tests.wire.builders import NAME, Lineage, Table, damage, dense, keys, position, trained


def table(state: TrainingState, name: str) -> dict[int, float]:
    found = state.tables[name]
    return {int(k): float(v[0]) for k, v in zip(found.keys, found.rows, strict=True)}


def key_of(record: Record, part: Part) -> str:
    return next(ref.key for ref in record.objects if ref.part is part)


def test_a_base_alone(store: Store) -> None:
    lineage = Lineage(store)
    state = restore_training(store, 0)
    assert table(state, "user") == {1: 0.5, 9: 0.25}
    assert table(state, "brand") == {1: 1.0, 3: 3.0, 5: 5.0}
    assert state.positions == position(100)
    assert (state.step, state.slot, state.voids) == (10, 1, None)
    assert state.base == lineage.base
    assert set(state.dense) == {"mlp/0/kernel"}
    assert set(state.slots) == {"mlp/0/kernel/accumulator"}
    assert set(state.state) == {"rng"}


def test_updates_are_composed_with_all_columns(local: LocalStore) -> None:
    lineage = Lineage(local)
    lineage.update({1: 1.5, 4: 4.0}, removed=[3], step=12)
    lineage.update({4: 4.5}, step=13)
    state = restore_training(local, 0)
    found = state.tables["brand"]
    np.testing.assert_array_equal(found.keys, [1, 4, 5])
    np.testing.assert_array_equal(found.rows[:, 0], np.array([1.5, 4.5, 5.0]))
    np.testing.assert_array_equal(found.slots[:, 0], np.array([101.5, 104.5, 105.0]))
    np.testing.assert_array_equal(found.steps, [7, 7, 7])
    np.testing.assert_array_equal(found.seen, [9, 9, 9])
    assert table(state, "user") == {1: 0.5, 9: 0.25}
    assert state.dense["mlp/0/kernel"][0, 0] == 13
    assert state.slots["mlp/0/kernel/accumulator"][0, 0] == 14
    assert state.state["rng"][0] == 13
    assert (state.positions, state.step, state.slot) == (position(113), 13, 3)


def test_a_keyframe_replaces_and_what_lies_before_it_is_not_read(local: LocalStore) -> None:
    lineage = Lineage(local)
    old = lineage.update({4: 4.0})
    lineage.keyframe({8: 8.0}, step=14)
    lineage.update({9: 9.0}, step=15)
    for ref in old.objects:
        local.delete(ref.key)
    state = restore_training(local, 0)
    assert table(state, "brand") == {8: 8.0, 9: 9.0}
    assert table(state, "user") == {1: 0.5, 9: 0.25}
    assert (state.slot, state.voids) == (4, None)


BAD = ["training altered", "serving altered", "gone", "manifest altered"]


@pytest.mark.parametrize("how", BAD)
def test_what_pods_or_trainers_can_not_read_is_voided(local: LocalStore, how: str) -> None:
    lineage = Lineage(local)
    lineage.update({1: 1.5}, step=12)
    bad = lineage.update({1: 2.5}, step=13)
    lineage.update({1: 3.5}, step=14)
    if how == "gone":
        local.delete(key_of(bad, Part.TRAINING))
    elif how == "manifest altered":
        damage(local, record_key(LogId.updates(0), 3))
    else:
        damage(local, key_of(bad, Part.TRAINING if how.startswith("training") else Part.SERVING))
    state = restore_training(local, 0)
    assert (state.slot, state.voids, state.step, state.positions) == (2, 3, 12, position(112))
    assert table(state, "brand")[1] == 1.5


def test_a_voiding_keyframe_heals(local: LocalStore) -> None:
    lineage = Lineage(local)
    bad = lineage.update({1: 2.5}, step=13)
    damage(local, key_of(bad, Part.SERVING))
    lineage.writer = LogWriter(local, NAME, LogId.updates(0), uid=new_uid())
    lineage.writer.claim()
    state = restore_training(local, 0)
    assert state.voids == 2
    lineage.keyframe({1: 1.25}, step=12, voids=state.voids)
    healed = restore_training(local, 0)
    assert (healed.slot, healed.voids, healed.positions) == (4, None, position(112))


def test_a_bad_keyframe_is_passed_for_an_older_one(local: LocalStore) -> None:
    lineage = Lineage(local)
    lineage.keyframe({1: 1.5}, step=12)
    lineage.update({1: 2.5}, step=13)
    bad = lineage.keyframe({1: 3.5}, step=14)
    damage(local, key_of(bad, Part.TRAINING))
    state = restore_training(local, 0)
    assert (state.slot, state.voids, table(state, "brand")) == (3, 4, {1: 2.5})


def test_another_base_or_model_is_voided(local: LocalStore) -> None:
    lineage = Lineage(local)
    lineage.writer.append(dataclasses.replace(lineage.draft({1: 9.0}), base="0" * 64))
    assert restore_training(local, 0).voids == 2
    with pytest.raises(Refused, match="of model 'shop/search'"):
        restore_training(local, 0, model="shop/ads")


def test_without_a_base_there_is_nothing(local: LocalStore) -> None:
    with pytest.raises(NotFound):
        restore_training(local, 0)


def test_an_altered_base_is_refused(local: LocalStore) -> None:
    lineage = Lineage(local)
    damage(local, key_of(lineage.base, Part.TRAINING))
    with pytest.raises(Refused, match=r"^checkpoints/0: digest of training"):
        restore_training(local, 0)


def test_the_increments_of_a_run_are_composed(local: LocalStore) -> None:
    Lineage(local)
    writer = LogWriter(local, NAME, LogId.runs(1), uid=new_uid())
    writer.claim()
    training = {**trained("user", {1: 7.0, 2: 8.0}, 2), **dense(3.0)}
    data = {(Part.TRAINING, "training.safetensors"): pack(training)}
    objects = put_objects(local, writer.uid, LogId.runs(1).slot_name(2), data)
    writer.append(Draft(kind=Kind.INCREMENT, positions=position(170), step=17, objects=objects))
    state = restore_training(local, 0, LogId.runs(1))
    assert table(state, "user") == {1: 7.0, 2: 8.0, 9: 0.25}
    assert (state.positions, state.step, state.slot) == (position(170), 17, 2)


BRAND: Table = {1: 1.5}
MALFORMED: list[tuple[str, Tensors]] = [
    ("unknown group", {"rows/brand/keys": keys([1])}),
    ("unknown column", {**trained("brand", BRAND, 1), "table/brand/extra": keys([1])}),
    ("column missing", {k: v for k, v in trained("brand", BRAND, 1).items() if not k.endswith("seen")}),
    ("column too long", {**trained("brand", BRAND, 1), "table/brand/seen": keys([1, 2])}),
    ("another dim", trained("brand", BRAND, 2)),
    ("another type", {**trained("brand", BRAND, 1), "table/brand/rows": np.zeros((1, 1), np.float64)}),
    ("unsorted", {k: np.concatenate([v, v]) for k, v in trained("brand", BRAND, 1).items()}),
    ("changed and removed", {**trained("brand", BRAND, 1), "table/brand/removed": keys([1])}),
]


@pytest.mark.parametrize(("case", "tensors"), MALFORMED, ids=[case[0] for case in MALFORMED])
def test_a_malformed_training_part_is_voided(local: LocalStore, case: str, tensors: Tensors) -> None:
    lineage = Lineage(local)
    good = lineage.draft({1: 1.5})
    data = {(Part.TRAINING, "training.safetensors"): pack(tensors)}
    (training,) = put_objects(local, lineage.writer.uid, "u0-2", data)
    objects = (*(ref for ref in good.objects if ref.part is Part.SERVING), training)
    lineage.writer.append(dataclasses.replace(good, objects=objects))
    assert restore_training(local, 0).voids == 2, case
