"""Streams of blocks: out and in again, one cut at a time, a delta for each consumer."""

import hashlib
from pathlib import Path

import pytest
import safetensors.numpy
import tandem_ops as ops
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_ops.block_index import INDEX, block_name

from tests.ops.streams import blocks_of, store, trained
from tests.ops.tables import DIM, assert_same, make_table

ROW_BYTES = 16 + 4 * DIM * 2


@pytest.mark.parametrize("optimizer", [ops.SGD(0.1), ops.Adagrad(0.1), ops.Adam(0.1)], ids=repr)
@pytest.mark.parametrize("max_rows", [None, 1, 7, 40, 1000])
def test_a_snapshot_goes_out_and_in_again(optimizer, max_rows):
    table = trained(optimizer=optimizer)
    stored = store(table.snapshot_blocks(max_rows=max_rows))
    copy = trained(range(30, 50), optimizer=optimizer, seed=99)
    index = copy.load_blocks(stored.__getitem__)
    assert_same(copy.snapshot(), table.snapshot())
    assert (index.kind, index.rows, index.removed) == ("snapshot", 40, 0)
    assert len(index.blocks) == len(stored) - 1 == -(-40 // (max_rows or 40))
    for each in (table, copy):
        each.apply(each.lookup([9])[1], tf.fill([1, DIM], 0.3))
    assert_same(copy.snapshot(), table.snapshot())
    assert copy.delta_blocks().epoch >= 1


def test_what_was_loaded_as_a_snapshot_is_durable():
    copy = make_table()
    copy.load_blocks(store(trained().snapshot_blocks()).__getitem__)
    assert len(copy.begin_delta().keys) == 0


def test_a_delta_goes_on_top():
    table, replica = trained(), make_table()
    replica.load_blocks(store(table.snapshot_blocks(max_rows=16)).__getitem__)
    table.ack(table.begin_delta().epoch)
    table.apply(table.lookup([3, 100])[1], tf.ones([2, DIM]))
    table.remove([5, 6])
    stream = table.delta_blocks(max_rows=1)
    stored = store(stream)
    index = replica.load_blocks(stored.__getitem__)
    assert (index.kind, index.rows, index.removed, index.epoch) == ("delta", 2, 2, stream.epoch)
    assert_same(replica.snapshot(), table.snapshot())
    assert len(replica.begin_delta().keys) == 0
    table.ack(stream.epoch)
    assert store(table.delta_blocks()).keys() == {INDEX}


def test_a_delta_may_be_news_to_the_next_delta():
    table, replica = trained(range(3)), trained(range(3))
    replica.ack(replica.begin_delta().epoch)
    table.remove([1])
    replica.load_blocks(store(table.delta_blocks()).__getitem__, mark_dirty=True)
    delta = replica.begin_delta()
    assert (delta.keys.tolist(), delta.removed.tolist()) == ([0, 2], [1])


def test_an_empty_table_is_a_stream_of_no_blocks():
    stored = store(make_table().snapshot_blocks())
    assert stored.keys() == {INDEX}
    table = trained()
    table.load_blocks(stored.__getitem__)
    assert int(table.size()) == 0


def test_blocks_are_what_safetensors_reads():
    (block,) = trained([2]).snapshot_blocks()
    columns = safetensors.numpy.load(bytes(block.data))
    assert columns["keys"].tolist() == [2]
    assert columns["steps"].tolist() == [2]
    assert columns["seen"].tolist() == [5]
    assert columns["values"].shape == columns["slots"].shape == (1, DIM)
    assert len(columns["removed"]) == len(columns["admission"]) == 0
    assert block.sha256 == hashlib.sha256(block.data).hexdigest()


def test_no_block_is_larger_than_its_rows():
    table = trained(range(3000))
    table.ack(table.begin_delta().epoch)
    table.remove(list(range(2990)))
    largest = 0
    for begin in (table.snapshot_blocks, table.delta_blocks):
        for block in begin(max_rows=8):
            largest = max(largest, len(block.data))
    assert largest <= 1024 + 8 * ROW_BYTES


def test_blocks_of_the_default_size_are_a_few_megabytes():
    wide = make_table(dim=4096)
    wide.lookup(list(range(400)))
    sizes = [len(block.data) for block in wide.snapshot_blocks()]
    assert sum(sizes) > 12 << 20
    assert max(sizes) <= (4 << 20) + 1024


def test_the_index_says_that_a_stream_is_whole():
    stream = trained().snapshot_blocks(max_rows=10)
    next(stream)
    with pytest.raises(ops.StreamUnfinished, match=r'HashVariable "user_id": the stream has more blocks than the 1'):
        stream.index()
    stream.close()
    stream.close()
    assert list(stream) == []
    with pytest.raises(ops.StreamUnfinished):
        stream.index()


@pytest.mark.parametrize("max_rows", [0, -3])
def test_blocks_have_rows(max_rows):
    with pytest.raises(ops.BadConfiguration, match="max_rows must be at least 1"):
        make_table().snapshot_blocks(max_rows=max_rows)


def test_streams_are_eager():
    table = make_table()
    with pytest.raises(ops.NotEager):
        tf.function(table.snapshot_blocks)()


def test_a_stream_may_be_loaded_under_another_name():
    table, other = trained(), make_table("copy")
    other.load_blocks(store(table.snapshot_blocks()).__getitem__, saved_as="user_id")
    assert_same(other.snapshot(), table.snapshot())


def test_one_block_is_held_at_a_time():
    """Two passes, each block once in each, in order: nothing needs more than one."""
    stored = store(trained().snapshot_blocks(max_rows=16))
    reads: list[str] = []

    def read(name: str) -> bytes:
        reads.append(name)
        return stored[name]

    make_table().load_blocks(read)
    assert reads == [INDEX, *blocks_of(stored), *blocks_of(stored)]


@given(
    rows=st.dictionaries(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**32 - 2), max_size=20),
    gone=st.sets(st.integers(-3, 3)),
    max_rows=st.integers(1, 25),
)
@settings(max_examples=60, deadline=None)
def test_any_rows_go_out_and_in_again(rows, gone, max_rows):
    table, replica = make_table(), make_table()
    for key, seen in rows.items():
        table.lookup([key], event_time=seen)
    replica.load_blocks(store(table.snapshot_blocks(max_rows=max_rows)).__getitem__)
    assert_same(replica.snapshot(), table.snapshot())
    table.ack(table.begin_delta().epoch)
    table.lookup(sorted(gone))
    table.remove(sorted(gone)[::2])
    replica.load_blocks(store(table.delta_blocks(max_rows=max_rows)).__getitem__)
    assert_same(replica.snapshot(), table.snapshot())


def test_a_table_is_cut_once_at_a_time():
    table = trained()
    with table.snapshot_blocks(max_rows=10) as stream:
        next(stream)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r'HashVariable "user_id": .* is being read'):
            table.delta_blocks()
        with pytest.raises(tf.errors.InvalidArgumentError, match="is being read"):
            table.begin_delta()
    assert len(store(table.snapshot_blocks())) == 2


def test_a_cut_is_of_one_moment():
    table = trained()
    before = table.snapshot()
    stream = table.snapshot_blocks(max_rows=7)
    first = next(stream)
    table.apply(table.lookup(list(range(60)), event_time=9)[1], tf.ones([60, DIM]))
    table.remove([0, 39])
    stored = {block.name: bytes(block.data) for block in [first, *stream]}
    stored[INDEX] = stream.index().to_bytes()
    copy = make_table()
    copy.load_blocks(stored.__getitem__)
    assert_same(copy.snapshot(), before)


def test_a_stream_that_is_dropped_lets_the_next_begin():
    table = trained()
    next(table.snapshot_blocks(max_rows=5))
    assert len(store(table.snapshot_blocks())) == 2


def test_a_stream_that_was_not_read_to_its_end_cannot_be_acknowledged():
    table = trained()
    with table.delta_blocks(max_rows=5) as stream:
        next(stream)
    with pytest.raises(tf.errors.InvalidArgumentError, match="epoch"):
        table.ack(stream.epoch)
    assert store(table.delta_blocks()).keys() != {INDEX}


def test_consumers_have_deltas_of_their_own():
    table = trained(range(4))
    table.remove([3])
    table.ack(table.begin_delta().epoch)
    with pytest.raises(tf.errors.InvalidArgumentError, match="begin with a full snapshot for this consumer"):
        table.delta_blocks(consumer=1)
    full = table.snapshot_blocks(consumer=1)
    store(full)
    table.ack(full.epoch, consumer=1)
    table.lookup([7])
    mine = table.delta_blocks(consumer=1)
    store(mine)
    table.ack(mine.epoch, consumer=1)
    table.lookup([8])
    for consumer, rows in ((1, 1), (0, 2)):
        stream = table.delta_blocks(consumer=consumer)
        store(stream)
        assert (mine.index().rows, stream.index().rows) == (1, rows)
    with pytest.raises(tf.errors.InvalidArgumentError, match="consumer"):
        table.begin_delta(consumer=16)


GOLDEN = Path(__file__).parent / "golden" / "stream-1"
GOLDEN_STREAM = "000102030405060708090a0b0c0d0e0f"


def golden_table(*, changed: bool) -> ops.HashVariable:
    """Before and after the changes of the golden delta: one row stepped, two removed."""
    table = make_table("user_id", initializer=ops.Zeros())
    table.lookup([5, -7, 2**62, 0], event_time=1_700_000_000)
    table.ack(table.begin_delta().epoch)
    if changed:
        table.apply(table.lookup([5])[1], tf.constant([[1, 0, -0.5]]))
        table.remove([2**62, -7])
    return table


def test_the_bytes_of_version_one_are_read_for_ever():
    table = golden_table(changed=False)
    index = table.load_blocks(ops.read_folder(GOLDEN))
    assert (index.kind, index.stream, index.rows, index.removed) == ("delta", GOLDEN_STREAM, 1, 2)
    assert_same(table.snapshot(), golden_table(changed=True).snapshot())


def test_the_bytes_of_version_one_are_written_for_ever(monkeypatch):
    monkeypatch.setattr("tandem_ops.blocks.secrets.token_hex", lambda _: GOLDEN_STREAM)
    stored = store(golden_table(changed=True).delta_blocks(max_rows=1))
    assert {file.name: file.read_bytes() for file in GOLDEN.iterdir()} == stored


def test_names_hold_the_stream():
    assert block_name("0" * 32, 7) == "0" * 32 + "-000007.safetensors"
