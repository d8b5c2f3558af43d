"""The log is the fence: real writers on real stores, any interleaving, crashes, lost and late puts, corrupt slots.

Each program behaves as a trainer does: claim, restore, then train one sample and append it, again and again. A record
tells in its counters from which sample to which it goes, so that the log alone shows whether a sample was lost or
trained twice (I3).
"""

import dataclasses
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_wire.bases import BaseDraft, put_base
from tandem_wire.errors import Fenced, Overtaken, StoreUnavailable
from tandem_wire.layout import LogId, new_uid, record_key
from tandem_wire.lineage import restore_training
from tandem_wire.log import LogWriter
from tandem_wire.positions import KafkaPosition
from tandem_wire.records import Counters, Draft, Kind, Record, decode
from tandem_wire.store import Store
from tandem_wire.store.local import LocalStore

from tests.wire.builders import NAME, T0, position
from tests.wire.places import fast_folder
from tests.wire.scheduler import Crash, Fate, Faults, Gate, Schedule

LOG = LogId.updates(0)
UNRELIABLE = Faults(((Fate.REFUSED, 4), (Fate.REPLY_LOST, 6), (Fate.LATE, 4), (Fate.CRASH, 2)))
CORRUPTING = Faults(((Fate.REFUSED, 3), (Fate.REPLY_LOST, 5), (Fate.LATE, 3), (Fate.CRASH, 1), (Fate.CORRUPTED, 8)))
RECORDS = 3
PATIENCE = 12


@dataclasses.dataclass
class Trainer:
    """Model B in small; ``merges``: a record that may be lost is not sent again as it was, but merged into the next."""

    base: str
    merges: bool
    at: int = 0
    voids: int | None = None

    def __call__(self, store: Store) -> None:
        writer = LogWriter(store, NAME, LOG, uid=new_uid(), now=lambda: T0)
        try:
            patiently(writer.claim)
            patiently(lambda: self.restore(store))
            for number in range(RECORDS):
                self.train(store, writer, keyframe=number == RECORDS - 1)
        except Fenced:
            return

    def restore(self, store: Store) -> None:
        state = restore_training(store, 0)
        found = state.positions["click"]
        assert isinstance(found, KafkaPosition)
        self.at, self.voids = found.offsets[0], state.voids

    def train(self, store: Store, writer: LogWriter, *, keyframe: bool) -> None:
        end = self.at + 1
        for _ in range(PATIENCE):
            kind = Kind.KEYFRAME if keyframe or self.voids is not None else Kind.UPDATE
            try:
                writer.append(self.draft(kind, end))
            except StoreUnavailable:
                end += self.merges
            except Overtaken:
                patiently(lambda: self.restore(store))
                end = self.at + 1
            else:
                self.at, self.voids = end, None
                return
        raise Crash  # the operator makes the Job anew

    def draft(self, kind: Kind, end: int) -> Draft:
        return Draft(
            kind=kind,
            base=self.base,
            positions=position(end),
            step=end,
            counters={"click": Counters(read=self.at, trained=end)},
            voids=self.voids,
        )


def patiently(call: Callable[[], object]) -> None:
    for _ in range(PATIENCE):
        try:
            call()
        except StoreUnavailable:
            continue
        return
    raise Crash


class Recorder(LocalStore):
    """A directory that remembers what was first written under each key, whatever becomes of the bytes."""

    def __init__(self, root: Path, prefix: str = "") -> None:
        super().__init__(root, prefix)
        self.first: dict[str, bytes] = {}

    def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
        etag = super().put(key, data, create=create, match=match)
        self.first.setdefault(key, data)
        return etag


def begin(store: Store) -> str:
    draft = BaseDraft(
        model=NAME,
        number=0,
        uid=new_uid(),
        parent=None,
        positions=position(0),
        watermark=T0,
        step=0,
        objects=(),
        contract={},
    )
    return put_base(store, draft).digest


def run(store: Store, choices: Sequence[int], faults: Faults, trainers: int) -> None:
    base = begin(store)
    Schedule(store, choices, faults).run([Trainer(base, merges=bool(i % 2)) for i in range(trainers)])


def written(read: Callable[[str], bytes], count: int) -> list[Record]:
    return [decode(read(record_key(LOG, n))) for n in range(1, count + 1)]


def reading(store: Store) -> Callable[[str], bytes]:
    return lambda key: store.get(key).data


def span(record: Record) -> tuple[int, int]:
    found = record.counters["click"]
    return found.read, found.trained


def check_chain(log: Sequence[Record]) -> None:
    """Every record goes on where the log before it ends; a voiding keyframe takes back what it voids.

    A writer whose record got through without its knowing may begin its next one where that one began: its own changes,
    contained twice.
    """
    chain: list[Record] = []
    for record in log:
        if record.kind is Kind.BARRIER:
            continue
        if record.voids is not None:
            chain = [r for r in chain if r.slot < (record.voids or 0)]
        start, end = span(record)
        ends = [span(r)[1] for r in chain]
        own = next((i for i, r in enumerate(reversed(chain)) if r.writer.uid != record.writer.uid), len(chain))
        allowed = [0, *ends][len(ends) - own :]
        assert start in allowed, f"slot {record.slot} begins at {start}, the log before it ends at {ends[-1:]}"
        assert end > start
        assert not ends or end >= ends[-1], f"slot {record.slot} ends at {end}, before {ends[-1]}"
        chain.append(record)


def check_epochs(log: Sequence[Record]) -> None:
    """After a barrier nothing of a lower epoch follows, and no epoch is claimed by two writers."""
    top = 0
    owners: dict[int, str] = {}
    for record in log:
        assert record.writer.epoch >= top, f"slot {record.slot} has epoch {record.writer.epoch} after {top}"
        top = record.writer.epoch
        if record.kind is Kind.BARRIER:
            assert owners.setdefault(top, record.writer.uid) == record.writer.uid
        else:
            assert owners.get(top) == record.writer.uid, f"slot {record.slot} was written without a claim"


def slots(store: Store) -> int:
    return len(list(store.list(LOG.prefix)))


SEEDS = st.integers(0, 2**32)


def numbers(seed: int, count: int = 160) -> list[int]:
    draw = random.Random(seed)  # noqa: S311 - chooses an order of events
    return [draw.randrange(10**6) for _ in range(count)]


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, trainers=st.integers(2, 4))
def test_writers_never_fork_lose_or_repeat(seed: int, trainers: int) -> None:
    with fast_folder() as folder:
        store = LocalStore(folder)
        run(store, numbers(seed), UNRELIABLE, trainers)
        log = written(reading(store), slots(store))
        check_epochs(log)
        check_chain(log)


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, trainers=st.integers(2, 4))
def test_a_corrupt_slot_costs_no_sample_and_no_lineage(seed: int, trainers: int) -> None:
    with fast_folder() as folder:
        store = Recorder(folder)
        run(store, numbers(seed), CORRUPTING, trainers)
        check_chain(written(store.first.__getitem__, slots(store)))
        Schedule(store, (), Faults(())).run([Trainer(restore_training(store, 0).base.digest, merges=False)])
        healed = restore_training(store, 0)
        assert healed.voids is None, "one trainer that is left alone heals the log"


@pytest.mark.parametrize("seed", range(3))
def test_writers_never_fork_on_s3(s3: Store, seed: int) -> None:
    run(s3, numbers(seed), UNRELIABLE, 3)
    log = written(reading(s3), slots(s3))
    check_epochs(log)
    check_chain(log)


class Careless(Gate):
    """A store whose conditional puts are plain ones."""

    def put(self, key: str, data: bytes, *, create: bool = False, match: str | None = None) -> str:
        del create, match
        return super().put(key, data)


def careless(trainer: Trainer) -> Callable[[Store], None]:
    def program(gate: Store) -> None:
        assert isinstance(gate, Gate)
        trainer(Careless(gate._store, gate._schedule, gate._index))

    return program


def test_without_the_conditional_put_it_fails() -> None:
    """The checks can fail: seeds of plain puts, most of which break the log."""
    broken = 0
    for seed in range(20):
        with fast_folder() as folder:
            store = Recorder(folder)
            base = begin(store)
            schedule = Schedule(store, numbers(seed), Faults(()))
            trainers = [Trainer(base, merges=False) for _ in range(3)]
            schedule.run([careless(trainer) for trainer in trainers])
            log = written(reading(store), slots(store))
            try:
                check_epochs(log)
                check_chain(log)
            except AssertionError:
                broken += 1
    assert broken > 10
