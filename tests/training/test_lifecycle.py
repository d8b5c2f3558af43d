"""A makes base 0, B streams updates on it, whatever happens in between: the store tells the same story."""

import dataclasses
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from tandem_training.checkpoints import restored
from tandem_training.errors import SupersededError, WorldError
from tandem_training.model_a import run_a
from tandem_training.model_b import run_b
from tandem_training.session import Job, assemble, draw
from tandem_wire.bases import read_base
from tandem_wire.config import Contract, Role, StoreConfig, SwiftConfig, TrainingConfig
from tandem_wire.errors import Overtaken, StoreUnavailable
from tandem_wire.layout import LogId
from tandem_wire.lineage import TrainingState, rebuild, restore_training
from tandem_wire.log import LogWriter, read_log
from tandem_wire.records import Kind, Record
from tandem_wire.store import Store, open_store
from tandem_wire.target import Owner, Run, Target, write_target

from tests.training.builders import config, eventually, now_seconds, put_segments, samples, stream

pytestmark = pytest.mark.slow
BATCH = 16
A_STEPS, B_STEPS = 6, 30


class Crash(Exception):  # noqa: N818 - not an error: the end of a process
    """The process is dead from here on."""


class FaultyStore:
    """A store whose n-th put does as told: ``crash``, ``crash after`` the put, ``away``, ``lost reply``."""

    def __init__(self, store: Store, faults: dict[int, str] | None = None) -> None:
        self._store = store
        self.faults = dict(faults or {})
        self.puts = 0
        self.dead = False

    def __getattr__(self, name: str) -> object:
        if self.dead:
            raise Crash(name)
        return getattr(self._store, name)

    def put(self, key: str, data: bytes, **conditions: Any) -> str:
        if self.dead:
            raise Crash(key)
        fault = self.faults.pop(self.puts, "")
        self.puts += 1
        if fault == "crash":
            self.dead = True
            raise Crash(key)
        if fault == "away":
            raise StoreUnavailable(key)
        etag = self._store.put(key, data, **conditions)
        if fault == "crash after":
            self.dead = True
            raise Crash(key)
        if fault == "lost reply":
            raise StoreUnavailable(key)
        return etag


@pytest.fixture(scope="module")
def bootstrapped(tmp_path_factory):
    """A store with base 0, and the samples that B will train."""
    place = tmp_path_factory.mktemp("bootstrapped")
    put_segments(place / "click", samples(BATCH * (A_STEPS + B_STEPS)), per_segment=BATCH * 5 + 3)
    run_a(job(place, Role.A, steps=A_STEPS))
    return place


@pytest.fixture
def place(bootstrapped, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(bootstrapped, tmp_path / "place")


def job(place: Path, role: Role, *, steps: int | None, store: object = None, **changed: object) -> Job:
    settings = config(
        f"file://{place}/store",
        [stream("click", place / "click")],
        role,
        **({"training": TrainingConfig(batch_size=BATCH, max_steps=steps)} | changed),
    )
    return Job(config=settings, store=cast("Store", store or open_store(settings.store)), clock=now_seconds)


def store_of(place: Path) -> Store:
    return open_store(StoreConfig(f"file://{place}/store"))


def log_of(place: Path) -> list[Record]:
    """The records of the updates to base 0; all must be readable."""
    records = [slot.record for slot in read_log(store_of(place), LogId.updates(0))]
    assert None not in records
    return [record for record in records if record is not None]


def state_of(place: Path) -> TrainingState:
    return restore_training(store_of(place), 0)


def assert_same(one: TrainingState, other: TrainingState) -> None:
    assert (one.step, one.positions, one.watermark) == (other.step, other.positions, other.watermark)
    for group in ("dense", "slots", "state"):
        ours, theirs = getattr(one, group), getattr(other, group)
        assert ours.keys() == theirs.keys()
        for name, value in ours.items():
            assert np.array_equal(value, theirs[name]), (group, name)
    assert one.tables.keys() == other.tables.keys()
    for name, table in one.tables.items():
        for column in ("keys", "rows", "slots", "steps", "seen"):
            assert np.array_equal(getattr(table, column), getattr(other.tables[name], column)), (name, column)


@pytest.fixture(scope="module")
def undisturbed(bootstrapped, tmp_path_factory):
    """The state after all samples when nothing goes wrong."""
    place = shutil.copytree(bootstrapped, tmp_path_factory.mktemp("undisturbed") / "place")
    run_b(job(place, Role.B, steps=B_STEPS, swift=SwiftConfig(1e9, 60)))
    return state_of(place)


def test_the_base_says_what_it_is(place):
    store = store_of(place)
    record = read_base(store, 0)
    assert (record.kind, record.parent, record.step) == (Kind.BASE, None, A_STEPS)
    assert record.counters["click"].trained == A_STEPS * BATCH
    assert sum(window.samples for window in record.windows) == A_STEPS * BATCH
    assert record.contract is not None
    assert [(t.name, t.group.value) for t in Contract.from_value(record.contract).tables] == [
        ("brand", "changing"),
        ("tag", "changing"),
        ("user_id", "freezing"),
    ]
    serving = rebuild(store, 0)
    assert set(serving.tables) == {"brand", "tag", "user_id"}
    assert len(serving.tables["user_id"].keys) == len(state_of(place).tables["user_id"].keys)


def test_updates_leave_the_freezing_tables_and_carry_all_else(place):
    run_b(job(place, Role.B, steps=B_STEPS))
    store = store_of(place)
    before, after = rebuild(store, 0, 0), rebuild(store, 0)
    assert np.array_equal(before.tables["user_id"].values, after.tables["user_id"].values)
    assert not np.array_equal(before.tables["brand"].values, after.tables["brand"].values)
    assert {n for n in before.weights if np.array_equal(before.weights[n], after.weights[n])} == set()
    state = state_of(place)
    for name, table in state.tables.items():
        assert np.array_equal(after.tables[name].values, table.rows)
    for name, value in state.dense.items():
        assert np.array_equal(after.weights[name], value)
    records = log_of(place)
    assert records[0].kind is Kind.BARRIER
    assert {Kind.UPDATE, Kind.KEYFRAME} >= {record.kind for record in records[1:]}
    assert [record.step for record in records[1:]] == sorted(record.step for record in records[1:])
    assert records[-1].step == A_STEPS + B_STEPS


def test_publishing_changes_nothing_of_what_is_learned(place, undisturbed):
    run_b(job(place, Role.B, steps=B_STEPS))
    assert_same(state_of(place), undisturbed)


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_put_it_goes_on_exactly(place, undisturbed, seed):
    """I3: processes that die at random puts, some right after the store took one, train every sample exactly once."""
    random = np.random.default_rng(seed)
    deaths = 0
    while (done := state_of(place).step) < A_STEPS + B_STEPS:
        steps = A_STEPS + B_STEPS - done
        store = FaultyStore(store_of(place))
        if deaths < 5:
            store.faults = {int(random.integers(1, 12)): str(random.choice(["crash", "crash after"]))}
        try:
            run_b(job(place, Role.B, steps=steps, store=store, swift=SwiftConfig(0.001, 3)))
        except Crash:
            deaths += 1
    assert deaths > 0
    assert_same(state_of(place), undisturbed)


@pytest.mark.parametrize("fault", ["away", "lost reply"])
def test_a_store_that_goes_away_loses_nothing(place, undisturbed, fault):
    store = FaultyStore(store_of(place), {1: fault, 2: fault, 5: fault})
    b = job(place, Role.B, steps=B_STEPS, store=store, swift=SwiftConfig(0.001, 3))
    run_b(b)
    assert (b.metrics.registry.get_sample_value("tandem_send_failures_total") or 0) >= 2
    assert_same(state_of(place), undisturbed)


def test_a_newer_writer_ends_the_older(place):
    store = store_of(place)
    b = job(place, Role.B, steps=None, swift=SwiftConfig(0.01, 3))
    outcome: list[Exception] = []

    def run() -> None:
        try:
            run_b(b)
        except SupersededError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert eventually(lambda: len(read_log(store, LogId.updates(0))) >= 2)
    LogWriter(store, "shop/search", LogId.updates(0), uid="f" * 32).claim()
    thread.join(60)
    assert "owns the log" in str(outcome[0])


def test_a_record_that_cannot_be_read_is_healed_by_a_keyframe(place, undisturbed):
    run_b(job(place, Role.B, steps=10, swift=SwiftConfig(1e9, 60)))
    store = store_of(place)
    record = log_of(place)[-1]
    ref = next(ref for ref in record.objects if ref.part.value == "serving")
    data = bytearray(store.get(ref.key).data)
    data[len(data) // 2] ^= 4
    store.put(ref.key, bytes(data))
    assert state_of(place).voids == record.slot
    run_b(job(place, Role.B, steps=B_STEPS, swift=SwiftConfig(1e9, 60)))
    kinds = [(found.kind, found.voids) for found in log_of(place)]
    assert kinds[3] == (Kind.KEYFRAME, record.slot)
    assert_same(state_of(place), undisturbed)


def test_sigterm_publishes_the_last_update(place):
    b = job(place, Role.B, steps=None, swift=SwiftConfig(1e9, 60))
    thread = threading.Thread(target=run_b, args=(b,))
    thread.start()
    assert eventually(lambda: b.metrics.registry.get_sample_value("tandem_samples_trained_total", {"stream": "click"}))
    b.stop.set()
    thread.join(60)
    state = state_of(place)
    assert state.step > A_STEPS
    assert state.positions["click"] != read_base(b.store, 0).positions["click"]


def target(run: Run) -> Target:
    first = Target.first(Owner("cluster", "resource"), datetime.now(UTC))
    return dataclasses.replace(first, run=run)


@pytest.mark.parametrize("due", [None, datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_trains_until_the_cut(place, due):
    """With ``due`` (Daily) it goes on past the cut until it has caught up."""
    store = store_of(place)
    cut = datetime.now(UTC)
    write_target(store, target(Run(parent=0, makes=1, due=due, cut=cut)), None)
    a = job(place, Role.A, steps=None, number=1, parent=0, due=due)
    run_a(a)
    record = read_base(store, 1)
    assert (record.parent, record.due) == (0, due)
    if due is not None:
        assert record.step == A_STEPS + B_STEPS
    run_a(a)  # durable already: nothing happens


def test_a_asked_to_end_makes_no_base(place):
    a = job(place, Role.A, steps=None, number=1, parent=0)
    thread = threading.Thread(target=run_a, args=(a,))
    thread.start()
    assert eventually(lambda: a.metrics.registry.get_sample_value("tandem_samples_trained_total", {"stream": "click"}))
    a.stop.set()
    thread.join(60)
    assert a.store.head("checkpoints/000000001.json") is None


def test_a_goes_on_from_its_parent_with_a_changed_model(place):
    changed = {
        "features": [{"name": "user_id", "dim": 2}, {"name": "brand", "dim": 5, "dtype": "string"}],
        "hidden": [4],
    }
    run_a(job(place, Role.A, steps=1, number=1, parent=0, config=changed, freezing=()))
    before, after = state_of(place), restore_training(store_of(place), 1)
    kept = np.isin(after.tables["user_id"].keys, before.tables["user_id"].keys)
    assert kept.sum() == len(before.tables["user_id"].keys)
    assert set(after.tables) == {"user_id", "brand"}
    assert after.tables["brand"].rows.shape[1] == 5


def test_b_refuses_a_base_of_another_model(place):
    changed = {"features": [{"name": "user_id", "dim": 2}], "hidden": [4]}
    with pytest.raises(WorldError, match="does not fit the model"):
        run_b(job(place, Role.B, steps=1, config=changed))


def test_what_is_restored_answers_like_what_was_live(place):
    b = job(place, Role.B, steps=5)
    first = assemble(b, draw(b.config), restored(state_of(place)), frozen=("user_id",), strict=True)
    try:
        first.trainer.run(lambda: first.trainer.steps_taken >= 1, lambda: None)
        again = assemble(b, draw(b.config), restored(state_of(place)), frozen=("user_id",), strict=True)
        try:
            again.trainer.run(lambda: again.trainer.steps_taken >= 1, lambda: None)
            assert first.trainer.last_batch is not None
            ours, theirs = (s.steps.score(first.trainer.last_batch) for s in (first, again))
        finally:
            again.close()
    finally:
        first.close()
    assert np.array_equal(ours["ctr"], theirs["ctr"])


def test_overtaken_it_restores_and_goes_on_exactly(place, undisturbed, monkeypatch):
    """What was trained since the last record of its own is dropped and trained again from that record's positions."""
    append, calls = LogWriter.append, []

    def overtaken_twice(writer: LogWriter, draft: Any) -> Record:
        calls.append(draft.step)
        if len(calls) in {2, 3}:
            raise Overtaken(writer.next_slot)
        return append(writer, draft)

    monkeypatch.setattr(LogWriter, "append", overtaken_twice)
    b = job(place, Role.B, steps=None, swift=SwiftConfig(0.001, 3))
    thread = threading.Thread(target=run_b, args=(b,))
    thread.start()
    assert eventually(lambda: len(calls) > 3 and state_of(place).step == A_STEPS + B_STEPS, 120)
    b.stop.set()
    thread.join(60)
    assert_same(state_of(place), undisturbed)
