from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from tandem_wire.layout import LogName
from tandem_wire.log import Slot
from tandem_wire.positions import KafkaPosition, SegmentPosition
from tandem_wire.records import Counters, Kind, Record, Writer
from tandem_wire.target import Owner, Promoted, Target

from e2e.demo.history import History, effective
from e2e.demo.logs import Answer
from e2e.faults.invariants import Recomputed, broken

T0 = datetime(2026, 1, 1, tzinfo=UTC)
NONE = np.zeros(0, np.float32)
A, B = "a" * 32, "b" * 32


def record(log, number, slot, kind, **changes):
    made = Record(
        model="shop/search",
        log=log,
        number=number,
        slot=slot,
        kind=kind,
        writer=Writer(A, 0 if log is LogName.CHECKPOINTS else 1),
        created=T0,
        base=f"{number:064x}" if kind in (Kind.UPDATE, Kind.KEYFRAME) else None,
        parent=None,
        due=None,
        voids=None,
        positions={},
        watermark=T0,
        step=0,
        objects=(),
        windows=(),
        counters={},
        contract=None,
        digest=f"{number:064x}",
    )
    return replace(made, **changes)


def base(number, offset, step, parent=None):
    writer = Writer(f"{number:032x}", 0)
    return record(
        LogName.CHECKPOINTS, number, 0, Kind.BASE, positions=at(offset), step=step, parent=parent, writer=writer
    )


def at(offset):
    return {"click": KafkaPosition("clicks", {0: offset}), "order": SegmentPosition(after=f"{offset:06d}")}


def update(number, slot, offset, step, kind=Kind.UPDATE, **changes):
    values = {
        "positions": at(offset),
        "step": step,
        "counters": {"click": Counters(read=offset, trained=offset - 5, quarantined={"NaN": 5})},
    }
    return record(LogName.UPDATES, number, slot, kind, **{**values, **changes})


def barrier(number, slot, **changes):
    return record(LogName.UPDATES, number, slot, Kind.BARRIER, **changes)


def slots(*records):
    return tuple(Slot(one.slot, one) for one in records)


LOG = (barrier(1, 1), update(1, 2, 100, 10), update(1, 3, 200, 20), update(1, 4, 300, 30, Kind.KEYFRAME))


def target(**changes):
    made = Target(
        revision=3,
        owner=Owner("c", "r"),
        stable=2,
        candidate=None,
        candidate_pods=(),
        step=0,
        since=T0,
        refused={},
        run=None,
        history=(Promoted(1, T0, "Bootstrap"), Promoted(2, T0, "Promotion")),
    )
    return replace(made, **changes)


def history(log=LOG, bases=None, **changes):
    bases = bases or {1: base(1, 50, 5), 2: base(2, 250, 40, parent=1)}
    return History(
        bases=bases, updates={1: slots(*log), 2: ()}, runs={1: (), 2: ()}, target=target(**changes), unreadable={}
    )


def answer(at_ms, number, update=0, connection="0.0"):
    return Answer(0, connection, at_ms, at_ms + 5, number * 10**9 + update, NONE, NONE)


GOOD = (answer(1, 1), answer(2, 1, 2), answer(3, 1, 4), answer(4, 2), answer(2, 1, 4, "1.0"), answer(3, 1, 4, "1.1"))


def told(seen, answers=GOOD, recomputed=(), tolerance=1e-5):
    return [str(one) for one in broken(seen, answers, recomputed, tolerance)]


def test_what_is_right_passes():
    assert told(history(), recomputed=[Recomputed(10**9, 0, 1e-6)]) == []


@pytest.mark.parametrize(
    ("_case", "seen", "answers", "expected"),
    [
        ("no such base", history(), [answer(1, 7)], "I1: answers name base 7, which is not durable"),
        ("no such update", history(), [answer(1, 1, 9)], "I1: answers name 1.9, which is no update of lineage 1"),
        ("a barrier is no version", history(), [answer(1, 1, 1)], "I1: answers name 1.1"),
        ("back within a base", history(), [answer(1, 1, 4), answer(2, 1, 2)], "I1: connection 0.0 was answered by 1.4"),
        ("back to an old base", history(), [answer(1, 2), answer(2, 1, 4)], "I1: connection 0.0 was answered by 2.0"),
        (
            "cut from another base",
            history((update(1, 1, 100, 10, base="f" * 64),)),
            [],
            "I1: updates/1/1 was cut from a base with digest ffffffff",
        ),
        ("position falls back", history((update(1, 1, 20, 10),)), [], "I3: click: updates/1/1 is at"),
        (
            "a sample is lost",
            history((LOG[1], update(1, 3, 201, 20, counters={"click": Counters(trained=195)}))),
            [],
            "I3: updates/1/3 passed 101 records of stream click since updates/1/2, but trained or set aside 95",
        ),
        (
            "a step is done again",
            history((LOG[1], update(1, 3, 200, 9))),
            [],
            "I4: updates/1/3 is at step 9, though updates/1/2 was at 10",
        ),
        (
            "a fenced writer goes on",
            history((barrier(1, 1, writer=Writer(B, 2)), update(1, 2, 100, 10))),
            [],
            "I4: updates/1/2 was won by epoch 1, though updates/1/1 has 2",
        ),
        ("a refused base is stable", history(refused={2: "AUC"}), [], "I5: base 2 is stable, though it was refused"),
        (
            "a refused base answers",
            history(refused={2: "AUC"}, stable=1),
            [answer(1, 1), answer(2, 2)],
            "I5: connection 0 is still answered by refused base 2",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_what_is_wrong_is_named(_case, seen, answers, expected):
    assert any(one.startswith(expected) for one in told(seen, answers)), told(seen, answers)


@pytest.mark.parametrize(
    ("changes", "answers"),
    [
        ({"refused": {2: "AUC"}, "stable": 1}, [answer(1, 2), answer(2, 1, 4)]),
        (
            {"stable": 1, "history": (Promoted(2, T0, "Promotion"), Promoted(1, T0, "RollBack"))},
            [answer(1, 2), answer(2, 1, 4)],
        ),
        ({}, [answer(1, 2, connection="0.0"), answer(2, 1, 4, connection="0.1")]),
    ],
    ids=["refused", "rolled back", "another connection"],
)
def test_an_older_base_may_answer_when(changes, answers):
    assert told(history(**changes), answers) == []


@pytest.mark.parametrize("difference", [2e-5, float("inf"), float("nan")])
def test_an_answer_that_cannot_be_rebuilt_is_mixed(difference):
    assert told(history(), recomputed=[Recomputed(10**9 + 2, 3, difference, "gone")]) == [
        f"I2: the answer about block 3 differs by {difference:.2g} from what the store gives for 1.2 (gone)"
    ]


def test_a_new_writer_starts_its_counters_anew():
    other = Writer(B, 2)
    log = (
        *LOG,
        barrier(1, 5, writer=other),
        update(1, 6, 350, 40, writer=other, counters={"click": Counters(trained=50)}),
        update(1, 7, 380, 40, writer=other, counters={"click": Counters(trained=80)}),
    )
    assert told(history(log)) == []


def test_a_keyframe_voids_what_it_says():
    log = (LOG[1], update(1, 3, 900, 90), update(1, 4, 110, 11, Kind.KEYFRAME, voids=3, writer=Writer(B, 2)))
    assert told(history(log), []) == []
    assert [one.slot for one in effective(slots(*log))] == [2, 4]
