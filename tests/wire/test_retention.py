"""What may go, and that nothing which is needed goes, also when it is interrupted."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from tandem_wire.bases import list_bases
from tandem_wire.errors import StoreUnavailable
from tandem_wire.layout import LogId, LogName, base_key, new_uid
from tandem_wire.lineage import Follower, load_base, rebuild
from tandem_wire.log import LogWriter, Slot, read_log
from tandem_wire.records import Kind
from tandem_wire.retention import Freed, Policy, Retirement, decide, erase, orphans, retire, sweep
from tandem_wire.store import Entry, Store
from tandem_wire.store.local import LocalStore
from tandem_wire.target import Owner, Run, Target

from tests.wire.builders import NAME, T0, Lineage
from tests.wire.faults import Faulty
from tests.wire.golden_values import BASE

DAY = timedelta(days=1)
POLICY = Policy(bases=2, age=7 * DAY)
NOW = T0 + 10 * DAY
TARGET = dataclasses.replace(Target.first(Owner("c", "r"), T0), stable=6)


def base(number: int, days_old: float, kind: Kind = Kind.BASE) -> Slot:
    return Slot(number, dataclasses.replace(BASE, number=number, kind=kind, created=NOW - days_old * DAY, parent=None))


TORN = Slot(1, None, "torn")
SIX = tuple(base(n, 6 - n) for n in range(1, 7))
Case = tuple[str, tuple[Slot, ...], Target | None, frozenset[int], tuple[int, ...]]
DECISIONS: list[Case] = [
    ("the newest two stay", SIX, TARGET, frozenset(), (1, 2, 3, 4)),
    ("pods hold one", SIX, TARGET, frozenset({2}), (1, 3, 4)),
    ("an older one is stable", SIX, dataclasses.replace(TARGET, stable=3), frozenset(), (1, 2)),
    ("refused ones go", SIX, dataclasses.replace(TARGET, stable=3, refused={4: "auc"}), frozenset(), (1, 2, 4)),
    ("a candidate", SIX, dataclasses.replace(TARGET, candidate=1), frozenset(), (2, 3, 4)),
    ("a run's parent", SIX, dataclasses.replace(TARGET, run=Run(4, 7)), frozenset(), (1, 2, 3)),
    ("too old, though among the newest", (base(5, 8), base(6, 9)), TARGET, frozenset(), (5,)),
    ("stable is never too old", (base(6, 99),), TARGET, frozenset(), ()),
    ("without a target nothing goes", SIX, None, frozenset(), ()),
    ("nor before the first promotion", SIX, dataclasses.replace(TARGET, stable=None), frozenset(), ()),
    ("unreadable and retired ones are let be", (TORN, base(2, 9, Kind.RETIRED), *SIX[2:]), TARGET, frozenset(), (3, 4)),
]


@pytest.mark.parametrize(("case", "bases", "target", "in_use", "going"), DECISIONS, ids=[case[0] for case in DECISIONS])
def test_which_bases_go(case, bases, target, in_use, going) -> None:
    assert decide(POLICY, bases, target, in_use, NOW).bases == going, case


def test_a_run_goes_when_its_base_is_durable_and_it_is_not_running() -> None:
    target = dataclasses.replace(TARGET, run=Run(6, 6))
    assert decide(POLICY, SIX, target, frozenset(), NOW).runs == (1, 2, 3, 4, 5)


def filled(store: Store) -> tuple[Lineage, Lineage]:
    old, new = Lineage(store, 0), Lineage(store, 1)
    for lineage in (old, new):
        lineage.update({1: 1.5})
        lineage.keyframe({1: 2.5})
    return old, new


def test_a_base_goes_with_its_log_and_the_other_stays(store: Store) -> None:
    _, new = filled(store)
    kept = {ref.key for slot in read_log(store, LogId.updates(1)) if slot.record for ref in slot.record.objects}
    kept |= {ref.key for ref in new.base.objects}
    freed = retire(store, NAME, Retirement(bases=(0,), runs=(0,)))
    assert freed == Freed(manifests=4, objects=6 + 2 + 2)
    assert {entry.key for entry in store.list("objects/")} == kept
    assert [slot.record.kind for slot in list_bases(store, NAME) if slot.record] == [Kind.RETIRED, Kind.BASE]
    assert {slot.record.kind for slot in read_log(store, LogId.updates(0)) if slot.record} == {Kind.RETIRED}
    assert rebuild(store, 1).version.update == 3


def test_a_retired_slot_is_never_reopened_and_epochs_never_fall(local: LocalStore) -> None:
    filled(local)
    retire(local, NAME, Retirement(bases=(0,)))
    head = LogWriter(local, NAME, LogId.updates(0), uid=new_uid()).claim()
    assert (head.slot, head.epoch) == (4, 2)


def test_a_follower_stops_at_retired_slots(local: LocalStore) -> None:
    old, _ = filled(local)
    follower = Follower(local, 0)
    follower.poll()
    retire(local, NAME, Retirement(bases=(0,)))
    old.writer.claim()
    assert follower.poll() == []


def test_interrupted_anywhere_it_is_finished_by_the_next(local: LocalStore) -> None:
    filled(local)
    away = Faulty(local)
    for calls in range(60):
        away.fail_after = calls
        try:
            retire(away, NAME, Retirement(bases=(0,)))
        except StoreUnavailable:
            pass
        else:
            break
        assert load_base(local, 1).version.base == 1
    later = datetime.now(UTC) + 2 * DAY
    sweep(local, NAME, POLICY, later)
    named = {ref.key for slot in (*list_bases(local), *read_log(local, LogId.updates(1))) if slot.record
             for ref in slot.record.objects}  # fmt: skip
    assert {entry.key for entry in local.list("objects/")} == named


def test_what_no_manifest_names_is_swept_when_it_is_old(store: Store) -> None:
    filled(store)
    before = {entry.key for entry in store.list("")}
    store.put("objects/" + "a" * 32 + "/u1-9/serving-0-x", b"never named")
    assert sweep(store, NAME, POLICY, datetime.now(UTC)) == 0, "it may be an upload that goes on"
    assert sweep(store, NAME, POLICY, datetime.now(UTC) + 2 * DAY) == 1
    assert {entry.key for entry in store.list("")} == before


def entry(key: str, days_old: float) -> Entry:
    return Entry(f"objects/{key}", 1, "e", NOW - days_old * DAY)


ORPHANS: list[tuple[str, Entry, bool]] = [
    ("old", entry("u/u3-1/x", 2), True),
    ("young", entry("u/u3-1/x", 0.5), False),
    ("named", entry("u/u3-1/named", 2), False),
    ("of a log that can't be read", entry("u/u4-1/x", 2), False),
    ("of a base that can't be read", entry("u/c5/x", 2), False),
    ("of a run with the same number", entry("u/r4-1/x", 2), True),
    ("of lineage 44", entry("u/u44-1/x", 2), True),
]


@pytest.mark.parametrize(("case", "found", "gone"), ORPHANS, ids=[case[0] for case in ORPHANS])
def test_which_data_are_orphans(case: str, found: Entry, gone: bool) -> None:  # noqa: FBT001 - a column
    unknown = frozenset({LogId.updates(4), LogId(LogName.CHECKPOINTS, 5)})
    assert list(orphans([found], frozenset({"objects/u/u3-1/named"}), unknown, NOW - DAY)) == [found.key] * gone, case


def test_a_manifest_that_can_not_be_read_shields_its_data(local: LocalStore) -> None:
    old, _ = filled(local)
    local.put(base_key(0), b"noise")
    sweep(local, NAME, POLICY, datetime.now(UTC) + 2 * DAY)
    for ref in old.base.objects:
        assert local.head(ref.key) is not None


def test_everything_can_be_erased_also_when_interrupted(local: LocalStore) -> None:
    filled(local)
    local.put("target.json", b"{}")
    local.put("quarantine/click/x.jsonl", b"")
    away = Faulty(local)
    away.fail_after = 8
    with pytest.raises(StoreUnavailable):
        erase(away)
    assert local.head("target.json") is not None, "the memory of the cycle goes last"
    erase(local)
    assert list(local.list("")) == []
