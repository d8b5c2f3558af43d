"""A base is won once, and everyone who comes later learns by whom."""

import dataclasses

import pytest
from tandem_wire.bases import BaseDraft, list_bases, put_base, read_base
from tandem_wire.errors import Conflict, NotFound, Refused, StoreUnavailable
from tandem_wire.layout import base_key, new_uid
from tandem_wire.records import Record
from tandem_wire.store import Store
from tandem_wire.store.local import LocalStore

from tests.wire.builders import NAME, T0, Lineage, damage, position
from tests.wire.faults import Faulty


def draft(number: int = 3, uid: str = "", **changes: object) -> BaseDraft:
    fields: dict[str, object] = {
        "model": NAME,
        "number": number,
        "uid": uid or new_uid(),
        "parent": 0,
        "positions": position(1),
        "watermark": T0,
        "step": 5,
        "objects": (),
        "contract": {"entrypoint": "m:build"},
    }
    return BaseDraft(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_first_wins_and_the_second_learns_who(store: Store) -> None:
    winner = put_base(store, draft())
    assert read_base(store, 3, NAME) == winner
    with pytest.raises(Conflict) as caught:
        put_base(store, draft())
    assert isinstance(caught.value.winner, Record)
    assert caught.value.winner == winner


def test_a_lost_reply_is_found_out(local: LocalStore) -> None:
    mine = draft()
    first = put_base(local, mine)
    assert put_base(local, dataclasses.replace(mine, step=6)) == first


def test_a_conflict_without_a_winner_is_to_be_tried_again(local: LocalStore) -> None:
    class Simultaneous(Faulty):
        def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
            del data, create, match
            raise Conflict(key)

    with pytest.raises(StoreUnavailable, match="nothing is there"):
        put_base(Simultaneous(local), draft())


def test_an_unreadable_winner_is_refused(local: LocalStore) -> None:
    put_base(local, draft())
    damage(local, base_key(3))
    with pytest.raises(Refused, match="checkpoints/3"):
        put_base(local, draft())


def test_an_absent_store_is_no_absent_base(local: LocalStore) -> None:
    with pytest.raises(NotFound):
        read_base(local, 3)
    away = Faulty(local)
    away.fail_after = 0
    with pytest.raises(StoreUnavailable):
        read_base(away, 3)
    with pytest.raises(StoreUnavailable):
        list_bases(away)


def test_all_bases_are_listed_in_order(store: Store) -> None:
    for number in (10, 2, 1):
        put_base(store, draft(number))
    store.put("checkpoints/notes.txt", b"by hand")
    damage(store, base_key(2))
    found = list_bases(store, NAME)
    assert [slot.number for slot in found] == [1, 2, 10]
    assert [slot.record is None for slot in found] == [False, True, False]
    assert found[1].refused.startswith("checkpoints/2: ")
    assert [slot.number for slot in list_bases(store, after=2)] == [10]


def test_a_copied_base_is_refused(local: LocalStore) -> None:
    Lineage(local)
    local.put(base_key(1), local.get(base_key(0)).data)
    with pytest.raises(Refused, match=r"^checkpoints/1: the manifest there was written as checkpoints/0$"):
        read_base(local, 1)
    (slot,) = [slot for slot in list_bases(local, "shop/ads") if slot.number == 0]
    assert "of model 'shop/search', not of 'shop/ads'" in slot.refused
