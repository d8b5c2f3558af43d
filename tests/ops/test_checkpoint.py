import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf

from tests.ops.tables import DIM, assert_same, make_table

INVALID = tf.errors.InvalidArgumentError


def trained(name="user_id", **arguments):
    table = make_table(name, **arguments)
    for ids in [[3, -1, 2**62], [3, 4, 4]]:
        rows, handles = table.lookup(ids, event_time=ids[1] + 10)
        table.apply(handles, tf.ones_like(rows))
    return table


@pytest.mark.parametrize("optimizer", [ops.SGD(0.1), ops.Adagrad(0.1), ops.Adam(0.1)])
def test_rows_slots_and_counters_come_back(tmp_path, optimizer):
    table, copy = trained(optimizer=optimizer), make_table("copy", optimizer=optimizer)
    copy.lookup([99])
    path = tf.train.Checkpoint(embedding=table).save(tmp_path / "c")
    tf.train.Checkpoint(embedding=copy).restore(path).assert_consumed()
    assert_same(copy.snapshot(), table.snapshot())
    for each in (table, copy):
        rows, handles = each.lookup([3, 5])
        each.apply(handles, rows)
    assert_same(copy.snapshot(), table.snapshot())


def test_an_empty_table_is_saved_and_restored(tmp_path):
    path = tf.train.Checkpoint(t=make_table()).write(tmp_path / "c")
    other = trained()
    tf.train.Checkpoint(t=other).read(path).assert_consumed()
    assert other.size().numpy() == 0


def test_handles_from_before_a_restore_are_refused(tmp_path):
    table = trained()
    checkpoint = tf.train.Checkpoint(t=table)
    path = checkpoint.write(tmp_path / "c")
    _, handles = table.lookup([3])
    checkpoint.read(path)
    with pytest.raises(INVALID, match='"user_id": handles'):
        table.apply(handles, tf.ones([1, DIM]))


def test_a_table_is_found_in_modules_and_managers(tmp_path):
    module = tf.Module()
    module.tables = {"a": trained("a"), "b": [trained("b", dim=5)]}
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(m=module), tmp_path, max_to_keep=2)
    before = module.tables["b"][0].snapshot()
    manager.save()
    module.tables["b"][0].remove([3])
    manager.restore_or_initialize()
    assert_same(module.tables["b"][0].snapshot(), before)


def test_a_table_made_after_restore_is_filled(tmp_path):
    table = trained()
    path = tf.train.Checkpoint(m=tf.train.Checkpoint(t=table)).write(tmp_path / "c")
    late = tf.train.Checkpoint()
    tf.train.Checkpoint(m=late).read(path)
    late.t = make_table("late")
    assert_same(late.t.snapshot(), table.snapshot())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": DIM + 1}, r'HashVariable "other": rows must be of shape \[4,4\], it is \[4,3\]'),
        ({"optimizer": ops.Adam(0.1)}, 'HashVariable "other": slots in the checkpoint are not those of Adam'),
        ({"optimizer": ops.Momentum(0.1)}, 'HashVariable "other": slots in the checkpoint are not those of Momentum'),
    ],
    ids=["dim", "slots", "meaning of slots"],
)
def test_a_checkpoint_of_another_table_is_refused_whole(tmp_path, arguments, message):
    path = tf.train.Checkpoint(t=trained()).write(tmp_path / "c")
    other = make_table("other", **arguments)
    other.lookup([1])
    before = other.snapshot()
    with pytest.raises(INVALID, match=message):
        tf.train.Checkpoint(t=other).read(path)
    assert_same(other.snapshot(), before)


def test_training_goes_on_while_saving(tmp_path):
    table = trained()
    rows, handles = table.lookup(np.arange(1000))
    path = tf.train.Checkpoint(t=table).write(tmp_path / "c")
    table.apply(handles, rows)
    other = make_table()
    tf.train.Checkpoint(t=other).read(path)
    assert other.size().numpy() == table.size().numpy()
