"""A pod never passes what it can't verify, and never applies anything out of order or twice (I1)."""

import dataclasses

import numpy as np
import pytest
from tandem_wire.errors import StoreUnavailable
from tandem_wire.layout import LogId, base_key, record_key
from tandem_wire.lineage import Follower, Refusal, Step
from tandem_wire.objects import put_objects
from tandem_wire.records import Part, Record, decode, encode
from tandem_wire.store import Store
from tandem_wire.store.local import LocalStore
from tandem_wire.tensors import pack, unpack

from tests.wire.builders import Lineage, damage, rows, weights
from tests.wire.faults import Faulty


def slots(found: list[Step | Refusal]) -> list[object]:
    return [item.record.slot if isinstance(item, Step) else f"refused {item.slot}" for item in found]


def serving_key(record: Record) -> str:
    return next(ref.key for ref in record.objects if ref.part is Part.SERVING)


def test_steps_come_in_order_once_and_barriers_are_passed_over(store: Store) -> None:
    lineage = Lineage(store)
    follower = Follower(store, 0)
    assert follower.poll() == []
    lineage.update({1: 1.5})
    lineage.update({3: 3.5}, step=12)
    found = follower.poll()
    assert slots(found) == [2, 3]
    assert isinstance(found[0], Step)
    np.testing.assert_array_equal(found[0].tensors["rows/brand/keys"], [1])
    assert follower.poll() == []
    lineage.update({3: 4.5}, step=13)
    assert slots(follower.poll()) == [4]


def test_what_one_object_holds_can_be_passed_on_as_it_is(local: LocalStore) -> None:
    lineage = Lineage(local)
    record = lineage.update({1: 1.5})
    (step,) = Follower(local, 0).poll()
    assert isinstance(step, Step)
    assert step.data == local.get(serving_key(record)).data
    np.testing.assert_equal(unpack(step.data), step.tensors)


def test_what_several_objects_hold_is_only_there_as_tensors(local: LocalStore) -> None:
    lineage = Lineage(local)
    data = {
        (Part.SERVING, "rows.safetensors"): pack(rows("brand", {1: 1.5}, 1)),
        (Part.SERVING, "weights.safetensors"): pack(weights(1.0)),
    }
    lineage.writer.append(lineage.draft({}, objects=put_objects(local, lineage.writer.uid, "u0-2", data)))
    (step,) = Follower(local, 0).poll()
    assert isinstance(step, Step)
    assert step.data is None
    np.testing.assert_equal(step.tensors, {**rows("brand", {1: 1.5}, 1), **weights(1.0)})


def test_a_new_reader_starts_at_the_newest_keyframe(local: LocalStore) -> None:
    lineage = Lineage(local)
    lineage.update({1: 1.5})
    lineage.keyframe({1: 1.5})
    lineage.update({1: 2.5})
    lineage.keyframe({1: 2.5})
    lineage.update({3: 3.5})
    assert slots(Follower(local, 0).poll()) == [5, 6]


def test_a_keyframe_whose_data_are_bad_is_not_a_start(local: LocalStore) -> None:
    lineage = Lineage(local)
    lineage.keyframe({1: 1.5})
    lineage.update({1: 2.5})
    bad = lineage.keyframe({1: 2.5})
    damage(local, serving_key(bad))
    assert slots(Follower(local, 0).poll()) == [2, 3, "refused 4"]


def test_an_altered_update_stops_the_reader_until_a_keyframe(store: Store) -> None:
    lineage = Lineage(store)
    lineage.update({1: 1.5})
    bad = lineage.update({1: 2.5})
    damage(store, serving_key(bad))
    follower = Follower(store, 0)
    first = follower.poll()
    assert slots(first) == [2, "refused 3"]
    assert isinstance(first[1], Refusal)
    assert first[1].record == "updates/0/3"
    assert "digest of serving.safetensors is" in first[1].reason
    assert "updates/0/3" in first[1].reason
    lineage.update({1: 3.5})
    assert follower.poll() == [], "told once, and nothing after it is used"
    lineage.keyframe({1: 3.5}, voids=3)
    lineage.update({1: 4.5})
    assert slots(follower.poll()) == [5, 6]


def test_an_altered_manifest_stops_the_reader_until_a_keyframe(local: LocalStore) -> None:
    lineage = Lineage(local)
    bad = lineage.update({1: 2.5})
    lineage.update({1: 3.5})
    damage(local, record_key(LogId.updates(0), bad.slot))
    follower = Follower(local, 0)
    assert slots(follower.poll()) == ["refused 2"]
    lineage.keyframe({1: 3.5}, voids=2)
    assert slots(follower.poll()) == [4]


def test_a_slot_that_is_gone_stops_the_reader(local: LocalStore) -> None:
    lineage = Lineage(local)
    gone = lineage.update({1: 2.5})
    lineage.update({1: 3.5})
    local.delete(record_key(LogId.updates(0), gone.slot))
    found = Follower(local, 0).poll()
    assert slots(found) == ["refused 2"]
    assert "is gone" in found[0].reason  # type: ignore[union-attr]


FOREIGN = [
    ("another model", {"model": "shop/other"}, "is of model 'shop/other', not of 'shop/search'"),
    ("another base", {"base": "0" * 64}, "was cut from another base"),
    ("another slot: reordered", {"slot": 7}, "was written as updates/0/7"),
    ("another lineage: replayed", {"number": 4}, "was written as updates/4/2"),
]


@pytest.mark.parametrize(("case", "changes", "why"), FOREIGN, ids=[case[0] for case in FOREIGN])
def test_a_foreign_record_is_refused(local: LocalStore, case: str, changes: dict[str, object], why: str) -> None:
    lineage = Lineage(local)
    lineage.update({1: 2.5})
    key = record_key(LogId.updates(0), 2)
    record = decode(local.get(key).data)
    local.put(key, encode(dataclasses.replace(record, **changes)))  # type: ignore[arg-type]
    found = Follower(local, 0).poll()
    assert slots(found) == ["refused 2"], case
    assert why in found[0].reason  # type: ignore[union-attr]
    assert found[0].reason.startswith("updates/0/2: ")  # type: ignore[union-attr]


def test_a_base_that_was_exchanged_refuses_its_old_updates(local: LocalStore) -> None:
    lineage = Lineage(local)
    lineage.update({1: 2.5})
    local.put(base_key(0), encode(dataclasses.replace(lineage.base, step=99)))
    found = Follower(local, 0).poll()
    assert slots(found) == ["refused 2"]


def test_only_the_serving_part_is_read(local: LocalStore) -> None:
    lineage = Lineage(local)
    record = lineage.update({1: 2.5})
    for ref in (*record.objects, *lineage.base.objects):
        if ref.part is Part.TRAINING:
            local.delete(ref.key)
    assert slots(Follower(local, 0).poll()) == [2]


def test_when_the_store_goes_away_in_the_middle_nothing_is_lost(local: LocalStore) -> None:
    lineage = Lineage(local)
    for step in range(11, 15):
        lineage.update({1: float(step)}, step=step)
    faulty = Faulty(local)
    follower = Follower(faulty, 0)
    seen: list[object] = []
    for outage in range(1, 40):
        faulty.fail_after = outage
        try:
            seen += slots(follower.poll())
        except StoreUnavailable:
            continue
    assert seen == [2, 3, 4, 5]


def test_nothing_new_costs_one_listing(local: LocalStore) -> None:
    lineage = Lineage(local)
    lineage.update({1: 1.5})
    faulty = Faulty(local)
    follower = Follower(faulty, 0)
    follower.poll()
    before = faulty.calls
    assert follower.poll() == []
    assert faulty.calls == before + 1
