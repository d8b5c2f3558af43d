"""The store as values, read from a real local store."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from tandem_operator import store_view, target_store
from tandem_operator.actions import Retain, WriteTarget
from tandem_operator.api import Retention
from tandem_operator.errors import Stale
from tandem_operator.observed import StoreFault, StoreView
from tandem_operator.store_view import Cache, look
from tandem_wire.bases import BaseDraft, put_base
from tandem_wire.config import StoreConfig
from tandem_wire.errors import NoSuchBucket, StoreUnavailable
from tandem_wire.layout import TARGET, LogId, base_key, new_uid, record_key
from tandem_wire.log import LogWriter
from tandem_wire.objects import put_objects
from tandem_wire.records import Counters, Draft, Kind, Part, Record
from tandem_wire.store import Blob, Store, open_store
from tandem_wire.target import Run, Target, read_target, write_target

from tests.operator.builders import MINUTE, NOW, OWNER, target

MODEL = "shop/search"
SOME_DIGEST = "0" * 64


@pytest.fixture
def store(tmp_path) -> Store:
    return open_store(StoreConfig(f"file://{tmp_path}"))


def make_base(store: Store, number: int) -> Record:
    uid = new_uid()
    objects = put_objects(store, uid, f"c{number}", {(Part.SERVING, "model.json"): b"{}"})
    return put_base(
        store,
        BaseDraft(
            model=MODEL,
            number=number,
            uid=uid,
            parent=None,
            positions={},
            watermark=NOW,
            step=number,
            objects=objects,
            contract={"entrypoint": "shop.models:build"},
        ),
    )


def write_log(store: Store, log: LogId, *drafts: Draft) -> LogWriter:
    writer = LogWriter(store, MODEL, log, uid=new_uid())
    writer.claim()
    for draft in drafts:
        writer.append(draft)
    return writer


def update(watermark: datetime, read: int = 0) -> Draft:
    return Draft(kind=Kind.UPDATE, base=SOME_DIGEST, watermark=watermark, counters={"click": Counters(read)})


def seen(store: Store, cache: Cache | None = None) -> StoreView:
    found = look(store, MODEL, cache or Cache())
    assert isinstance(found, StoreView)
    return found


def test_an_empty_store_has_no_target_and_no_bases(store):
    assert seen(store) == StoreView(None, None)


def test_bases_logs_and_runs_that_the_target_names(store):
    make_base(store, 0)
    write_target(store, target(stable=0, run=Run(0, 1)), None)
    write_log(store, LogId.updates(0), update(NOW, 7), update(NOW + MINUTE, 9))
    write_log(store, LogId.runs(1), Draft(kind=Kind.INCREMENT, watermark=NOW))
    found = seen(store)
    assert set(found.bases) == {0}
    assert found.bases[0].contract == {"entrypoint": "shop.models:build"}
    assert (found.updates[0].last, found.updates[0].update) == (3, 3)
    assert found.updates[0].watermark == NOW + MINUTE
    assert found.updates[0].counters == {"click": Counters(9)}
    assert found.runs[1].update == 2


def test_new_records_are_seen_at_the_next_look_and_old_ones_are_read_once(store, monkeypatch):
    make_base(store, 0)
    write_target(store, target(stable=0), None)
    writer = write_log(store, LogId.updates(0), update(NOW))
    cache = Cache()
    seen(store, cache)
    reads: list[str] = []
    get = type(store).get

    def counted(self: Store, key: str) -> Blob:
        reads.append(key)
        return cast("Blob", get(self, key))

    monkeypatch.setattr(type(store), "get", counted)
    writer.append(update(NOW + MINUTE))
    reads.clear()
    assert seen(store, cache).updates[0].update == 3
    assert reads == [TARGET, record_key(LogId.updates(0), 3)]


def test_a_manifest_that_cannot_be_read_is_a_base_that_is_there_and_not_usable(store):
    make_base(store, 0)
    make_base(store, 1)
    store.put(base_key(1), store.get(base_key(1)).data[:-3])
    found = seen(store)
    assert found.bases[0].usable
    assert not found.bases[1].usable
    assert "checkpoints/1" in (found.bases[1].fault or "")


@pytest.mark.parametrize("harm", ["missing", "shorter"])
def test_a_candidate_whose_objects_are_not_as_its_manifest_says_is_not_usable(store, harm):
    make_base(store, 0)
    record = make_base(store, 1)
    write_target(store, target(stable=0, candidate=1), None)
    key = record.objects[0].key
    if harm == "missing":
        store.delete(key)
    else:
        store.put(key, b"{")
    found = seen(store).bases[1]
    assert not found.usable
    assert key in (found.fault or "")


def test_a_sound_candidate_is_checked_once(store):
    make_base(store, 0)
    make_base(store, 1)
    write_target(store, target(stable=0, candidate=1), None)
    cache = Cache()
    assert seen(store, cache).bases[1].checked
    assert not seen(store, cache).bases[0].checked
    assert seen(store, cache).bases[1].checked


def test_a_keyframe_heals_what_it_voids(store):
    make_base(store, 0)
    write_target(store, target(stable=0), None)
    keyframe = Draft(kind=Kind.KEYFRAME, base=SOME_DIGEST, watermark=NOW, voids=3)
    write_log(store, LogId.updates(0), update(NOW), update(NOW), keyframe)
    log = seen(store).updates[0]
    assert [log.healed(slot) for slot in (2, 3, 4, 9)] == [False, True, False, False]


def test_a_slot_that_cannot_be_read_does_not_stop_the_view(store):
    make_base(store, 0)
    write_target(store, target(stable=0), None)
    write_log(store, LogId.updates(0), update(NOW), update(NOW + MINUTE))
    store.put(record_key(LogId.updates(0), 3), b"torn")
    log = seen(store).updates[0]
    assert (log.last, log.update, log.watermark) == (3, 2, NOW)


class Away:
    """A store that does not answer, or says no."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get(self, _key: str) -> None:
        raise self.error


@pytest.mark.parametrize(("error", "users"), [(StoreUnavailable("no answer"), False), (NoSuchBucket("models"), True)])
def test_an_error_in_reading_is_a_fault_and_never_absence(error, users):
    found = look(Away(error), MODEL, Cache())  # type: ignore[arg-type]
    assert found == StoreFault(error.reason, str(error), users)


def test_a_target_that_cannot_be_read_is_the_users_to_mend(store):
    store.put(TARGET, b"{}")
    found = look(store, MODEL, Cache())
    assert isinstance(found, StoreFault)
    assert found.users
    assert "target.json" in found.message


def test_a_target_is_written_once_by_whoever_comes_first(store):
    first = WriteTarget(Target.first(OWNER, NOW), None, "Adopted", "a new model begins")
    target_store.write(store, first)
    with pytest.raises(Stale):
        target_store.write(store, first)
    found = read_target(store)
    assert found is not None
    again = WriteTarget(target(revision=2), found[1], "RunDue", "")
    target_store.write(store, again)
    with pytest.raises(Stale):
        target_store.write(store, again)


def test_retention_lets_go_of_old_bases_and_keeps_what_is_needed(store):
    for number in range(4):
        make_base(store, number)
    write_target(store, target(stable=3), None)
    policy = Retention.model_validate({"bases": 1, "age": "7d"})
    target_store.retain(store, MODEL, Retain(frozenset({1})), policy, NOW)
    assert {number for number, base in seen(store).bases.items() if base.retired} == {0, 2}


def test_a_sweep_takes_old_data_that_no_manifest_names(store):
    record = make_base(store, 0)
    write_target(store, target(stable=0), None)
    put_objects(store, new_uid(), "c1", {(Part.SERVING, "model.json"): b"left behind"})
    later = datetime.now(UTC) + timedelta(days=2)
    assert target_store.sweep(store, MODEL, Retention(), later) == 1
    assert store.head(record.objects[0].key) is not None


def test_purging_leaves_nothing(store):
    make_base(store, 0)
    write_target(store, target(), None)
    target_store.purge(store)
    assert list(store.list("")) == []


def test_the_tail_of_a_long_log_is_enough(store, monkeypatch):
    monkeypatch.setattr(store_view, "TAIL", 3)
    make_base(store, 0)
    write_target(store, target(stable=0), None)
    write_log(store, LogId.updates(0), *(update(NOW + n * MINUTE) for n in range(8)))
    cache = Cache()
    assert seen(store, cache).updates[0].update == 9
    assert len(cache.records[LogId.updates(0)]) == 3
