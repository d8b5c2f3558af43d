"""One writer and what it meets in a slot; the interleavings of many are in test_fence.py."""

import dataclasses
from collections.abc import Callable

import pytest
from tandem_wire.errors import Conflict, Fenced, InvalidValue, Overtaken, StoreUnavailable
from tandem_wire.layout import LogId, new_uid, record_key
from tandem_wire.log import LogHead, LogWriter, Slot, read_log
from tandem_wire.records import Draft, Kind, encode
from tandem_wire.store import Store
from tandem_wire.store.local import LocalStore

from tests.wire.builders import NAME, position
from tests.wire.faults import Faulty
from tests.wire.golden_values import DIGEST, record

LOG = LogId.updates(17)


def writer(store: Store, uid: str = "") -> LogWriter:
    return LogWriter(store, NAME, LOG, uid=uid or new_uid())


def update(step: int = 1, **changes: object) -> Draft:
    return dataclasses.replace(Draft(kind=Kind.UPDATE, base=DIGEST, positions=position(step), step=step), **changes)  # type: ignore[arg-type]


def keyframe(voids: int | None) -> Draft:
    return update(kind=Kind.KEYFRAME, voids=voids)


def kinds(store: Store) -> list[str]:
    return ["?" if slot.record is None else slot.record.kind.value for slot in read_log(store, LOG)]


def place(store: Store, slot: int, epoch: int, uid: str = "f" * 32, **changes: object) -> None:
    """Write a record of somebody else."""
    other = dataclasses.replace(record().writer, uid=uid, epoch=epoch)
    store.put(record_key(LOG, slot), encode(record(slot=slot, writer=other, objects=(), **changes)), create=True)


def test_a_claim_then_records(store: Store) -> None:
    mine = writer(store)
    assert mine.claim() == LogHead(1, 1)
    assert (mine.append(update(1)).slot, mine.append(update(2)).slot, mine.next_slot) == (2, 3, 4)
    other = writer(store)
    assert other.claim() == LogHead(4, 2)
    assert kinds(store) == ["barrier", "update", "update", "barrier"]
    with pytest.raises(Fenced, match=r"updates/17/4: .* with epoch 2 owns the log; this one has epoch 1 and ends"):
        mine.append(update(3))


def test_nothing_is_written_without_a_claim(local: LocalStore) -> None:
    with pytest.raises(InvalidValue, match="must be claimed"):
        writer(local).append(update())


MET: list[tuple[str, int, str, type[Exception]]] = [
    ("a higher epoch", 5, "f" * 32, Fenced),
    ("a lower epoch", 1, "f" * 32, Overtaken),
    ("an equal epoch of another", 2, "f" * 32, Overtaken),
]


@pytest.mark.parametrize(("case", "epoch", "uid", "error"), MET, ids=[case[0] for case in MET])
def test_who_stands_in_a_lost_slot(case: str, epoch: int, uid: str, error: type[Exception], local: LocalStore) -> None:
    writer(local).claim()
    mine = writer(local)
    assert mine.claim() == LogHead(2, 2)
    place(local, 3, epoch, uid)
    with pytest.raises(error) as caught:
        mine.append(update())
    if isinstance(caught.value, Overtaken):
        assert caught.value.voids is None
        assert mine.append(update()).slot == caught.value.slot + 1, case
    if epoch == 2:
        assert kinds(local) == ["barrier", "barrier", "update", "barrier", "update"]
        assert mine.epoch == 3, "it claimed anew"


def test_a_claim_that_is_interrupted_is_finished_before_anything_is_written(local: LocalStore) -> None:
    writer(local).claim()
    away = Faulty(local)
    mine = writer(away)
    mine.claim()
    place(local, 3, 2)
    away.fail_after = 3  # the put, the look at the winner, and the winner
    with pytest.raises(StoreUnavailable):
        mine.append(update())
    away.fail_after = None
    with pytest.raises(Overtaken) as caught:
        mine.append(update())
    assert caught.value.slot == 4, "the state must be restored after the new barrier"
    assert kinds(local) == ["barrier", "barrier", "update", "barrier"]


def lost_reply(store: Store, key: str) -> Store:
    """The next put of this key happens, but the caller gets an error."""

    class Losing(Faulty):
        lost = False

        def put(self, key_: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
            etag = self.store.put(key_, data, create=create, match=match)
            if key_ == key and not self.lost:
                self.lost = True
                raise StoreUnavailable("the reply was lost")
            return etag

    return Losing(store)


def test_a_lost_reply_and_the_same_record_again(store: Store) -> None:
    mine = writer(lost_reply(store, record_key(LOG, 2)))
    mine.claim()
    with pytest.raises(StoreUnavailable):
        mine.append(update())
    assert mine.append(update()).slot == 2
    assert mine.append(update(2)).slot == 3


def test_a_lost_reply_and_a_newer_record(local: LocalStore) -> None:
    mine = writer(lost_reply(local, record_key(LOG, 2)))
    mine.claim()
    with pytest.raises(StoreUnavailable):
        mine.append(update(1))
    assert mine.append(update(2)).slot == 3
    assert kinds(local) == ["barrier", "update", "update"]


def test_a_lost_reply_of_a_claim(local: LocalStore) -> None:
    mine = writer(lost_reply(local, record_key(LOG, 1)))
    with pytest.raises(StoreUnavailable):
        mine.claim()
    assert mine.claim() == LogHead(2, 2)
    assert mine.append(update()).slot == 3


def test_a_conflict_without_a_winner_is_tried_again(local: LocalStore) -> None:
    class Simultaneous(Faulty):
        left = 2

        def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
            if self.left:
                self.left -= 1
                raise Conflict(key)
            return self.store.put(key, data, create=create, match=match)

    store = Simultaneous(local)
    assert writer(store).claim() == LogHead(1, 1)
    store.left = 1000
    with pytest.raises(StoreUnavailable, match="reports a conflict, but nothing is there"):
        writer(store).claim()


def test_an_unreadable_slot_is_passed_and_must_be_voided(store: Store) -> None:
    writer(store).claim()
    store.put(record_key(LOG, 2), b"noise", create=True)
    mine = writer(store)
    assert mine.claim() == LogHead(3, 2)
    assert mine.voids == 2
    with pytest.raises(Overtaken, match="slot 2 can't be read, the next record must be a keyframe") as caught:
        mine.append(update())
    assert (caught.value.slot, caught.value.voids) == (3, 2)
    with pytest.raises(Overtaken):
        mine.append(keyframe(3))
    assert mine.append(keyframe(2)).voids == 2
    assert mine.voids is None
    assert mine.append(update()).slot == 5
    assert writer(store).claim() == LogHead(6, 3)


def test_a_slot_becomes_unreadable_under_a_living_writer(local: LocalStore) -> None:
    mine = writer(local)
    mine.claim()
    local.put(record_key(LOG, 2), b"noise", create=True)
    with pytest.raises(Overtaken) as caught:
        mine.append(update())
    assert (caught.value.slot, caught.value.voids) == (2, 2)
    assert mine.append(keyframe(2)).slot == 3


def test_a_keyframe_of_another_makes_voiding_needless(local: LocalStore) -> None:
    writer(local).claim()
    local.put(record_key(LOG, 2), b"noise", create=True)
    mine = writer(local)
    mine.claim()
    place(local, 4, 1, kind=Kind.KEYFRAME, voids=2)
    with pytest.raises(Overtaken):
        mine.append(keyframe(2))
    assert mine.voids is None
    assert mine.append(update()).slot == 5


def test_a_keyframe_that_came_while_claiming_makes_voiding_needless(local: LocalStore) -> None:
    writer(local).claim()
    local.put(record_key(LOG, 2), b"noise", create=True)

    class Slow(Faulty):
        came = False

        def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
            if not self.came:
                self.came = True
                place(local, 3, 1, kind=Kind.KEYFRAME, voids=2)
            return self.store.put(key, data, create=create, match=match)

    mine = writer(Slow(local))
    assert mine.claim() == LogHead(4, 2)
    assert mine.voids is None
    assert mine.append(update()).slot == 5


def test_a_restored_state_that_has_seen_further(local: LocalStore) -> None:
    """It restores slots that this writer has not met yet: the draft voids the next slot or a later one."""
    mine = writer(local)
    mine.claim()
    local.put(record_key(LOG, 2), b"noise", create=True)
    with pytest.raises(Overtaken):
        mine.append(keyframe(2))
    assert mine.append(keyframe(2)).slot == 3
    with pytest.raises(InvalidValue, match="voids"):
        mine.append(keyframe(9))


FOREIGN: list[tuple[str, Callable[[Store], object]]] = [
    ("another model's", lambda s: place(s, 2, 9, model="shop/ads")),
    ("a replayed one", lambda s: s.put(record_key(LOG, 2), s.get(record_key(LOG, 1)).data)),
]


@pytest.mark.parametrize(("case", "spoil"), FOREIGN, ids=[case[0] for case in FOREIGN])
def test_a_foreign_record_counts_as_unreadable(case: str, spoil: Callable[[Store], object], local: LocalStore) -> None:
    writer(local).claim()
    spoil(local)
    mine = writer(local)
    assert mine.claim() == LogHead(3, 2), case
    assert mine.voids == 2


def test_a_long_log_is_read_in_order(store: Store) -> None:
    mine = writer(store)
    mine.claim()
    for step in range(80):
        mine.append(update(step))
    assert [slot.number for slot in read_log(store, LOG)] == list(range(1, 82))
    assert writer(store).claim() == LogHead(82, 2)


def test_a_log_is_read_without_gaps(local: LocalStore) -> None:
    assert read_log(local, LOG) == ()
    mine = writer(local)
    mine.claim()
    mine.append(update(1))
    mine.append(update(2))
    local.delete(record_key(LOG, 2))
    local.put(f"{LOG.prefix}notes.txt", b"by hand")
    found = read_log(local, LOG)
    assert [slot.number for slot in found] == [1, 2, 3]
    assert found[1] == Slot(2, None, "updates/17/2: the manifest is gone, though later slots are there")
    assert [slot.number for slot in read_log(local, LOG, after=2)] == [3]
