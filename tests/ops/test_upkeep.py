from typing import Any

import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf

from tests.ops.tables import DIM, make_table

INVALID = tf.errors.InvalidArgumentError


def test_rows_unseen_for_long_leave_and_their_removal_is_in_the_delta():
    table = make_table()
    table.ack(table.begin_delta().epoch)
    table.lookup(np.arange(100), event_time=100)
    table.lookup(np.arange(50), event_time=200)
    table.lookup([1000])
    table.ack(table.begin_delta().epoch)
    swept = table.sweep(seen_before=200)
    assert (swept.removed, swept.unseen, swept.zero, swept.wrapped) == (50, 50, 0, True)
    assert table.keys().numpy().tolist() == [*range(50), 1000]
    assert table.begin_delta().removed.tolist() == list(range(50, 100))
    assert table.stats().tombstones == 50


def test_rows_that_became_zero_leave():
    table = make_table(initializer=ops.Zeros(), optimizer=ops.SGD(1.0))
    _, handles = table.lookup([1, 2, 3])
    table.apply(handles, [[0.0] * DIM, [1.0] * DIM, [0.0] * DIM])
    table.lookup([4])
    assert table.sweep(seen_before=0).removed == 0
    assert table.sweep(zero_rows=True).zero == 2
    assert table.keys().numpy().tolist() == [2, 4]


def test_sweeps_go_on_where_the_last_one_ended():
    table = make_table()
    table.lookup(np.arange(1000), event_time=1)
    sweeps = [table.sweep(seen_before=2, rows=300) for _ in range(4)]
    assert sum(s.removed for s in sweeps) == 1000
    assert all(s.looked <= 300 for s in sweeps)
    assert sweeps[0].removed > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seen_before": -1}, "seen_before must be in 0"),
        ({"seen_before": 2**32}, "seen_before must be in 0"),
        ({"seen_before": [1]}, "seen_before must be of shape"),
        ({"rows": -1}, "rows must not be negative"),
        ({"rows": 1.5}, "rows"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(INVALID, match=f'HashVariable "user_id": {message}'):
        make_table().sweep(**arguments)


@pytest.mark.parametrize("method", ["sweep", "stats"])
def test_numbers_for_python_are_refused_in_a_graph(method):
    with pytest.raises(ops.NotEager, match=method):
        tf.function(getattr(make_table(), method))()


def test_a_full_table_refuses_or_evicts():
    sizes = {}
    for at_limit in ("refuse", "evict"):
        table = make_table(max_bytes=2**20, at_limit=at_limit, default_value=7.0)
        for start in range(0, 40_000, 4000):
            rows, handles = table.lookup(np.arange(start, start + 4000), event_time=start + 1)
        stats = table.stats()
        sizes[at_limit] = stats.size
        table.ack(table.begin_delta().epoch)  # removals that a consumer has yet to hear of are not bounded
        assert table.stats().bytes_used <= 1.1 * 2**20
        assert 1000 < stats.size < 40_000
        assert (stats.refused_at_limit > 0, stats.evicted > 0) == (at_limit == "refuse", at_limit == "evict")
        refused = handles.numpy() == ops.NO_HANDLE
        assert refused.any() == (at_limit == "refuse")
        assert (rows.numpy()[refused] == 7.0).all()
        table.apply(handles, tf.ones_like(rows))


def test_what_is_not_admitted_reads_the_default_and_learns_nothing():
    table = make_table(admission=ops.CountAtLeast(3), default_value=0.25)
    for expected in (True, True, False):
        rows, handles = table.lookup([5], event_time=10)
        assert (handles.numpy()[0] == ops.NO_HANDLE) == expected
        assert (rows.numpy() == 0.25).all() == expected
        table.apply(handles, tf.ones_like(rows))
    assert (table.stats().not_admitted, table.snapshot().steps.tolist()) == (2, [1])
    assert (table.peek([6]).numpy() == 0.25).all()


def test_a_checkpoint_has_what_the_filter_counted(tmp_path):
    table, copy = (make_table(name, admission=ops.CountAtLeast(3)) for name in ("a", "b"))
    table.lookup([5, 5, 6])
    path = tf.train.Checkpoint(t=table).write(tmp_path / "c")
    tf.train.Checkpoint(t=copy).read(path).assert_consumed()
    copy.lookup([5, 6])
    assert copy.keys().numpy().tolist() == [5]
    other = make_table("other", admission=ops.CountAtLeast(3, sketch_bytes=2**16))
    other.lookup([1])
    with pytest.raises(INVALID, match='HashVariable "other": '):
        tf.train.Checkpoint(t=other).read(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_bytes": -1}, "max_bytes must be in 0"),
        ({"at_limit": "grow"}, "at_limit must be 'refuse' or 'evict', not 'grow'"),
        ({"default_value": float("nan")}, "default_value must be a finite float32"),
        ({"default_value": 1e39}, "default_value must be a finite float32"),
    ],
)
def test_options_out_of_range_are_refused(arguments, message):
    with pytest.raises(ops.BadConfiguration, match=f'"user_id": {message}'):
        make_table(**arguments)


def test_a_consumer_that_left_is_unknown():
    table = make_table()
    table.leave(0)
    with pytest.raises(INVALID, match='HashVariable "user_id": '):
        table.begin_delta()


def test_what_the_filter_counted_goes_to_another_table_or_is_refused():
    table, copy = (make_table(name, admission=ops.CountAtLeast(3)) for name in ("a", "b"))
    table.lookup([5, 5, 6])
    state = table.admission_state()
    copy.restore_admission(state)
    assert np.array_equal(copy.admission_state(), state)
    copy.lookup([5, 6])
    assert copy.keys().numpy().tolist() == [5]
    kept = copy.admission_state()
    bents: list[Any] = [state[:-1], state[None], np.zeros(4, np.int64), state.astype(np.float64), np.flip(state)]
    for bent in bents:
        with pytest.raises(INVALID, match='HashVariable "b": '):
            copy.restore_admission(bent)
    assert np.array_equal(copy.admission_state(), kept)
    plain = make_table()
    plain.restore_admission(plain.admission_state())
