from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tandem_ops as ops
import tensorflow as tf
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.ops.tables import DIM, assert_same, make_snapshot, make_table

INVALID = tf.errors.InvalidArgumentError
Change = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


def trained(**arguments: Any) -> ops.HashVariable:
    table = make_table(**arguments)
    for time in (5, 3):
        _, handles = table.lookup([[9, -4], [300, 9]], event_time=time)
        table.apply(handles, tf.ones([2, 2, table.dim]))
    return table


@pytest.mark.parametrize("optimizer", [ops.SGD(0.1), ops.Adagrad(0.1), ops.Adam(0.1)], ids=repr)
def test_a_snapshot_restores_and_trains_on_exactly(optimizer):
    table, copy = trained(optimizer=optimizer), make_table("copy", optimizer=optimizer, seed=99)
    snapshot = table.snapshot()
    assert snapshot.keys.tolist() == [-4, 9, 300]
    assert snapshot.steps.tolist() == [2, 2, 2]
    assert snapshot.seen.tolist() == [5, 5, 5]
    assert snapshot.rows.shape == (3, DIM)
    assert snapshot.slots.shape == (3, optimizer.slots * DIM)
    assert len(snapshot) == 3
    copy.lookup([1, 2, 3, 4])
    copy.restore(snapshot)
    for each in (table, copy):
        each.apply(each.lookup([9])[1], tf.fill([1, DIM], 0.3))
    assert_same(copy.snapshot(), table.snapshot())


def test_an_empty_table_has_an_empty_snapshot():
    snapshot = make_table().snapshot()
    assert [c.shape for c in (snapshot.keys, snapshot.rows, snapshot.slots)] == [(0,), (0, DIM), (0, DIM)]
    table = trained()
    table.restore(snapshot)
    assert table.size().numpy() == 0


def test_a_snapshot_is_a_copy():
    table = trained()
    snapshot = table.snapshot()
    before = snapshot.rows.copy()
    table.apply(table.lookup([9])[1], tf.ones([1, DIM]))
    assert np.array_equal(snapshot.rows, before)


def spoil(column: str, change: Change) -> Callable[[ops.Snapshot], ops.Snapshot]:
    """A snapshot with one column changed."""
    return lambda snapshot: replace(snapshot, **{column: change(getattr(snapshot, column).copy())})


def put(index: Any, value: float) -> Change:
    def change(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        array[index] = value
        return array

    return change


BAD = [
    ("keys int32", spoil("keys", lambda a: a.astype(np.int32)), r"keys must be of dtype int64, not int32"),
    ("keys matrix", spoil("keys", lambda a: a[:, None]), r"keys must be a vector"),
    ("keys twice", spoil("keys", put(1, 1)), r"keys\[1\] \(key 1\) does not ascend"),
    ("keys unsorted", spoil("keys", put(2, 0)), r"keys\[2\] \(key 0\) does not ascend"),
    ("rows float64", spoil("rows", lambda a: a.astype(np.float64)), r"rows must be of dtype float32"),
    ("rows dim", spoil("rows", lambda a: a[:, :2]), r"rows must be of shape \[3,3\], it is \[3,2\]"),
    ("rows count", spoil("rows", lambda a: a[:2]), r"rows must be of shape \[3,3\], it is \[2,3\]"),
    ("rows flat", spoil("rows", np.ravel), r"rows must be of shape"),
    ("rows NaN", spoil("rows", put((1, 2), np.nan)), r"rows\[1\] \(key 2\) is not finite"),
    ("slots infinite", spoil("slots", put((2, 0), np.inf)), r"slots\[2\] \(key 3\) is not finite"),
    (
        "slots of another optimizer",
        spoil("slots", lambda a: np.hstack([a, a])),
        r"slots must be of shape \[3,3\], it is \[3,6\]",
    ),
    ("slots negative", spoil("slots", put((0, 0), -0.5)), r"slots\[0\] \(key 1\) has a negative sum of squares"),
    ("steps short", spoil("steps", lambda a: a[:1]), r"steps must be of shape \[3\]"),
    ("steps negative", spoil("steps", put(1, -1)), r"steps\[1\] \(key 2\) is negative"),
    ("seen float", spoil("seen", lambda a: a.astype(np.float32)), r"seen must be of dtype int64"),
    ("seen negative", spoil("seen", put(1, -1)), r"seen\[1\] \(key 2\) is negative"),
]


@pytest.mark.parametrize("how", ["restore", "load_rows"])
@pytest.mark.parametrize(("spoiled", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_what_cannot_be_is_refused_and_the_table_stays(how, spoiled, message):
    table = trained()
    before = table.snapshot()
    with pytest.raises(INVALID, match=rf'HashVariable "user_id": {message}'):
        getattr(table, how)(spoiled(make_snapshot([1, 2, 3])))
    assert_same(table.snapshot(), before)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        (np.array([2, 1]), r"removed\[1\] \(key 1\) does not ascend"),
        (np.array([1, 7]), r"removed\[1\] \(key 7\) is among keys too"),
        (np.array([[1]]), r"removed must be of shape"),
        (np.array([1.0]), r"removed must be of dtype int64"),
    ],
    ids=["unsorted", "written too", "matrix", "float"],
)
def test_impossible_removals_are_refused(removed, message):
    table = trained()
    before = table.snapshot()
    with pytest.raises(INVALID, match=message):
        table.load_rows(make_snapshot([7]), removed=removed)
    assert_same(table.snapshot(), before)


def test_load_rows_inserts_overwrites_and_removes():
    table = trained()
    _, handles = table.lookup([9])
    table.load_rows(make_snapshot([9, 10]), removed=np.array([-4, 12345]))
    assert table.keys().numpy().tolist() == [9, 10, 300]
    assert table.peek([9, 10]).numpy().tolist() == [[0.5] * DIM] * 2
    table.apply(handles, tf.zeros([1, DIM]))  # an overwritten row keeps its handle


@pytest.mark.parametrize("mark_dirty", [False, True])
def test_loaded_rows_are_in_the_next_delta_if_asked(mark_dirty):
    table = trained()
    table.ack(table.begin_delta().epoch)
    table.load_rows(make_snapshot([9, 10]), removed=np.array([-4, 12345]), mark_dirty=mark_dirty)
    delta = table.begin_delta()
    assert delta.keys.tolist() == ([9, 10] if mark_dirty else [])
    assert delta.removed.tolist() == ([-4] if mark_dirty else [])


def test_a_stamp_alone_is_a_change_and_a_peek_is_none():
    table = trained()
    table.ack(table.begin_delta().epoch)
    table.peek([9, 300, 4])
    table.lookup([9, 300], event_time=4)  # both were seen at 5
    assert table.begin_delta().keys.tolist() == []
    table.lookup([300], event_time=8)
    delta = table.begin_delta()
    assert (delta.keys.tolist(), delta.seen.tolist()) == ([300], [8])


def test_what_changes_between_cut_and_ack_is_in_the_next_delta():
    table = make_table()
    _, handles = table.lookup([1, 2, 3])
    first = table.begin_delta()
    table.apply(handles[1:2], tf.ones([1, DIM]))
    table.remove([3])
    table.ack(first.epoch)
    second = table.begin_delta()
    assert (second.keys.tolist(), second.removed.tolist()) == ([2], [3])
    assert second.steps.tolist() == [1]


class DeltaMachine(RuleBasedStateMachine):
    """A table, a replica that gets every delta, and a model of what each delta must hold."""

    ids = st.lists(st.integers(-3, 3), min_size=1, max_size=4)

    def __init__(self):
        super().__init__()
        self.table, self.replica = make_table("table"), make_table("replica")
        self.changed, self.removed = {}, {}  # key -> epoch of its last change or removal
        self.epoch, self.acked = 1, 0  # counted in deltas; a snapshot takes an epoch of the table too
        self.epochs = []  # of the table, of each delta

    @rule(ids=ids, time=st.integers(0, 5))
    def train(self, ids, time):
        rows, handles = self.table.lookup(ids, event_time=time)
        self.table.apply(handles, tf.ones_like(rows))
        for key in ids:
            self.changed[key] = self.epoch
            self.removed.pop(key, None)

    @rule(ids=ids)
    def remove(self, ids):
        there = set(ids) & set(self.table.keys().numpy().tolist())
        assert self.table.remove(ids).numpy() == len(there)
        for key in there:
            self.removed[key] = self.epoch
            del self.changed[key]

    @rule()
    def cut(self):
        delta = self.table.begin_delta()
        assert delta.epoch > max(self.epochs, default=0)
        self.epochs.append(delta.epoch)
        assert delta.keys.tolist() == sorted(k for k, e in self.changed.items() if e > self.acked)
        assert delta.removed.tolist() == sorted(k for k, e in self.removed.items() if e > self.acked)
        self.replica.load_rows(delta.changed, removed=delta.removed)
        assert_same(self.replica.snapshot(), self.table.snapshot())
        self.epoch += 1

    @rule(back=st.integers(1, 3))
    def ack(self, back):
        epoch = self.epoch - back
        if epoch >= 1:
            self.table.ack(self.epochs[epoch - 1])
            self.acked = max(self.acked, epoch)

    @rule()
    def restore(self):
        self.table.restore(self.replica.snapshot())
        kept = self.replica.keys().numpy().tolist()
        self.changed, self.removed = dict.fromkeys(kept, 0), {}

    @invariant()
    def keys_agree(self):
        assert self.table.keys().numpy().tolist() == sorted(self.changed)


DeltaMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestDeltas = DeltaMachine.TestCase
