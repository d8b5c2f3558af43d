"""The state of an admission filter travels with a stream of blocks."""

import hashlib
import json

import numpy as np
import pytest
import safetensors.numpy
import tandem_ops as ops

from tests.ops.streams import Stored, blocks_of, reindex, store
from tests.ops.tables import DIM, make_table

SKETCH_BYTES = 1 << 16
RULE = ops.CountAtLeast(3, sketch_bytes=SKETCH_BYTES)


def half_way() -> ops.HashVariable:
    """Ids 0 … 9 have rows, ids 10 … 19 have come twice of three times."""
    table = make_table(admission=RULE)
    for ids in (range(20), range(20), range(10)):
        table.lookup(list(ids))
    return table


def state_of(stored: Stored) -> np.ndarray:
    return np.concatenate([safetensors.numpy.load(stored[name])["admission"] for name in blocks_of(stored)])


def test_counts_go_on_where_they_were():
    table, copy = half_way(), make_table(admission=RULE)
    copy.load_blocks(store(table.snapshot_blocks()).__getitem__)
    assert copy.keys().numpy().tolist() == list(range(10))
    copy.lookup([10, 30])
    assert copy.keys().numpy().tolist() == list(range(11))


def test_a_state_is_cut_into_blocks_too():
    stored = store(half_way().snapshot_blocks(max_rows=16))
    row_bytes = 16 + 4 * DIM * 2
    assert max(len(stored[name]) for name in blocks_of(stored)) <= 1024 + 16 * row_bytes
    assert state_of(stored).nbytes > SKETCH_BYTES // 2
    copy = make_table(admission=RULE)
    copy.load_blocks(stored.__getitem__)
    assert np.array_equal(state_of(store(copy.snapshot_blocks())), state_of(stored))


def test_a_delta_has_no_state():
    stored = store(half_way().delta_blocks())
    assert len(state_of(stored)) == 0


def test_a_table_without_a_filter_passes_over_a_state():
    table = make_table()
    table.load_blocks(store(half_way().snapshot_blocks()).__getitem__)
    assert int(table.size()) == 10


def test_a_filter_begins_anew_where_there_is_no_state():
    table, copy = make_table(), half_way()
    table.lookup([1])
    copy.load_blocks(store(table.snapshot_blocks()).__getitem__)
    copy.lookup([10])
    assert copy.keys().numpy().tolist() == [1]


def test_another_sketchs_state_is_refused_and_the_table_stays():
    stored = store(half_way().snapshot_blocks())
    table = make_table(admission=ops.CountAtLeast(3, sketch_bytes=2 * SKETCH_BYTES))
    table.lookup([1, 1, 1])
    with pytest.raises(ops.BlocksRefused, match=r'HashVariable "user_id": stream [0-9a-f]{32}: admission'):
        table.load_blocks(stored.__getitem__)
    assert table.keys().numpy().tolist() == [1]


def test_a_state_that_is_none_is_refused():
    stored = store(half_way().snapshot_blocks())
    name = next(n for n in blocks_of(stored) if len(safetensors.numpy.load(stored[n])["admission"]))
    header = int.from_bytes(stored[name][:8], "little")
    begin = 8 + header + json.loads(stored[name][8 : 8 + header])["admission"]["data_offsets"][0]
    stored[name] = stored[name][:begin] + bytes(8) + stored[name][begin + 8 :]
    reindex(stored)
    assert hashlib.sha256(stored[name]).hexdigest() in stored["index.json"].decode()
    table = half_way()
    with pytest.raises(ops.BlocksRefused, match="admission"):
        table.load_blocks(stored.__getitem__)
    assert int(table.size()) == 10


def test_a_delta_with_a_state_is_refused():
    stored = store(half_way().snapshot_blocks())
    reindex(stored, kind="delta")
    with pytest.raises(ops.BlocksRefused, match="a delta has no state of an admission filter"):
        half_way().load_blocks(stored.__getitem__)
