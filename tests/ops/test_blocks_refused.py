"""Streams of blocks that must not come in: torn, bent, reordered, or another table's."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
import tandem_ops as ops
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_ops.block_index import INDEX, BlockEntry

from tests.ops.streams import Stored, blocks_of, reindex, store, trained
from tests.ops.tables import assert_same, make_table

Spoil = Callable[[Stored], None]


def flip(name_at: int, byte_at: int) -> Spoil:
    def spoil(stored: Stored) -> None:
        name = blocks_of(stored)[name_at]
        data = bytearray(stored[name])
        data[byte_at] ^= 1
        stored[name] = bytes(data)

    return spoil


def tear(stored: Stored) -> None:
    name = blocks_of(stored)[1]
    stored[name] = stored[name][:-5]


def swap(stored: Stored) -> None:
    first, second = blocks_of(stored)[:2]
    stored[first], stored[second] = stored[second], stored[first]


def swap_and_reindex(stored: Stored) -> None:
    swap(stored)
    reindex(stored)


def foreign(stored: Stored) -> None:
    """A block of another cut of the same table under the name of one of this."""
    other = store(trained().snapshot_blocks(max_rows=16))
    stored[blocks_of(stored)[1]] = other[blocks_of(other)[1]]
    reindex(stored)


def rewrite(tensor: str, change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    """A block whose writer was wrong, with an index that fits it."""

    def spoil(stored: Stored) -> None:
        name = blocks_of(stored)[1]
        raw = stored[name]
        size = int.from_bytes(raw[:8], "little")
        entry = json.loads(raw[8 : 8 + size])[tensor]
        begin, end = (8 + size + at for at in entry["data_offsets"])
        dtype = {"I64": np.int64, "F32": np.float32, "U32": np.uint32}[entry["dtype"]]
        column = np.frombuffer(raw[begin:end], dtype).reshape(entry["shape"]).copy()
        stored[name] = raw[:begin] + change(column).tobytes() + raw[end:]
        reindex(stored)

    return spoil


def put(at, value) -> Callable[[np.ndarray], np.ndarray]:
    def change(column: np.ndarray) -> np.ndarray:
        column[at] = value
        return column

    return change


def relabel(old: str, new: str) -> Spoil:
    def spoil(stored: Stored) -> None:
        name = blocks_of(stored)[0]
        assert old.encode() in stored[name]
        stored[name] = stored[name].replace(old.encode(), new.encode(), 1)
        reindex(stored)

    return spoil


def edit(field: str, value: object) -> Spoil:
    """An index with another field, its digest right."""

    def spoil(stored: Stored) -> None:
        reindex(stored, **{field: value})

    return spoil


def edit_text(old: str, new: str) -> Spoil:
    def spoil(stored: Stored) -> None:
        assert old.encode() in stored[INDEX]
        stored[INDEX] = stored[INDEX].replace(old.encode(), new.encode(), 1)

    return spoil


def count_wrongly(stored: Stored) -> None:
    body = json.loads(stored[INDEX])
    entries = [BlockEntry(**entry) for entry in body["blocks"]]
    entries[0] = replace(entries[0], rows=entries[0].rows + 1)
    reindex(stored, blocks=tuple(entries))


def lose(stored: Stored) -> None:
    stored.pop(blocks_of(stored)[0])
    reindex(stored)


def repeat_key(stored: Stored) -> None:
    """The second block begins with a key of the first."""
    key = int.from_bytes(safetensors.numpy.load(stored[blocks_of(stored)[0]])["keys"][:1].tobytes(), "little")
    rewrite("keys", put(0, key))(stored)


BAD: list[tuple[str, Spoil, str]] = [
    ("a bit of the data", flip(1, -1), r"000001\.safetensors: its digest is"),
    ("a bit of the header", flip(0, 20), r"000000\.safetensors: its digest is"),
    ("torn", tear, r"000001\.safetensors: has \d+ bytes, the index says"),
    ("reordered", swap, r"000000\.safetensors: its digest is"),
    ("reordered by the writer", swap_and_reindex, r"000000\.safetensors: is block 1 of its stream, not 0"),
    ("a block of another cut", foreign, r"000001\.safetensors: is a block of stream"),
    ("another table's block", relabel('"table":"user_id"', '"table":"item_id"'), r'of table "item_id", not "user_id"'),
    ("another layout's block", relabel('"layout":"acc', '"layout":"bcc'), r'of layout "bcc'),
    ("another version", relabel("tandem.block/1", "tandem.block/9"), r"format is not tandem\.block/1"),
    ("another dtype", relabel('"steps":{"dtype":"U32"', '"steps":{"dtype":"F32"'), r"steps: its dtype is F32, not U32"),
    ("an unknown tensor", relabel('"seen":', '"sean":'), r"seen: is missing"),
    ("NaN", rewrite("values", put((2, 1), np.nan)), r"values\[2\] \(key \d+\) is not finite"),
    ("infinite", rewrite("slots", put((1, 0), np.inf)), r"slots\[1\] \(key \d+\) is not finite"),
    ("a negative square", rewrite("slots", put((0, 0), -1.0)), r"slots\[0\] \(key \d+\)"),
    ("a key twice in a block", rewrite("keys", put(slice(0, 2), 7)), r"key 7 stands twice"),
    ("a key twice", repeat_key, r"stream [0-9a-f]{32}: key \d+ stands twice"),
    ("rows miscounted", count_wrongly, r"has 16 rows, the index says 17"),
    ("index of another table", edit("table", "item_id"), r"index\.json: table is 'item_id', not 'user_id'"),
    ("index of another dim", edit("dim", 4), r"index\.json: dim is 4, not 3"),
    ("index of another optimizer", edit("layout", "m+v"), r"index\.json: layout is 'm\+v'"),
    ("index of other slots", edit("width", 6), r"index\.json: width is 6, not 3"),
    ("index of no kind", edit("kind", "keyframe"), r"index\.json: kind is 'keyframe'"),
    ("index edited", edit_text('"dim":3', '"dim":4'), r"index\.json: digest is not that of its contents"),
    ("index of another version", edit_text("tandem.stream/1", "tandem.stream/2"), r"format is 'tandem.stream/2'"),
    ("index torn", lambda stored: stored.update({INDEX: stored[INDEX][:-2]}), r"index\.json: is not JSON"),
    ("index spaced", edit_text('"dim":', '"dim": '), r"index\.json: is not canonical JSON"),
    ("index twice", edit_text('"dim":3', '"dim":3,"dim":3'), r"index\.json: is not JSON: a name stands twice"),
    ("index is a list", lambda stored: stored.update({INDEX: b"[]"}), r"index\.json: must be an object"),
    ("block gone from index", lose, r"blocks\[0\]\.name is"),
]


@pytest.mark.parametrize(("spoil", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_what_is_damaged_or_foreign_is_refused_and_the_table_stays(spoil, message):
    stored = store(trained().snapshot_blocks(max_rows=16))
    spoil(stored)
    table = trained(range(5))
    before = table.snapshot()
    with pytest.raises(ops.BlocksRefused, match=message):
        table.load_blocks(stored.__getitem__)
    assert_same(table.snapshot(), before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 4}, "dim is 3, not 4"),
        ({"optimizer": ops.Adam(0.1)}, "layout is"),
        ({"name": "item_id"}, "table is 'user_id', not 'item_id': it is another table's; say saved_as"),
    ],
    ids=["dim", "optimizer", "name"],
)
def test_another_tables_stream_is_refused(arguments, message):
    stored = store(trained().snapshot_blocks())
    table = make_table(**arguments)
    with pytest.raises(ops.BlocksRefused, match=message):
        table.load_blocks(stored.__getitem__)
    assert int(table.size()) == 0


def test_a_snapshot_is_never_dirty():
    stored = store(trained().snapshot_blocks())
    with pytest.raises(ops.BadConfiguration, match="mark_dirty is for deltas"):
        make_table().load_blocks(stored.__getitem__, mark_dirty=True)


def test_a_source_that_changes_between_the_passes_is_told():
    stored = store(trained().snapshot_blocks(max_rows=16))
    reads: list[str] = []

    def read(name: str) -> bytes:
        reads.append(name)
        return stored[name] if reads.count(name) == 1 else stored[name][:-1]

    with pytest.raises(ops.LoadInterrupted, match=r"verified but could not be loaded to its end: .* has \d+ bytes"):
        make_table().load_blocks(read)
    assert reads == [INDEX, *blocks_of(stored), blocks_of(stored)[0]]


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_damage_gets_in(data):
    """Whatever bytes change, nothing is loaded and the error is ours."""
    stored = dict(WHOLE)
    name = data.draw(st.sampled_from(sorted(stored)))
    at = data.draw(st.integers(0, len(stored[name]) - 1))
    new = data.draw(st.binary(max_size=3))
    changed = stored[name][:at] + new + stored[name][at + data.draw(st.integers(0, 3)) :]
    table = TARGET
    before = table.snapshot()
    if changed != stored[name]:
        stored[name] = changed
        with pytest.raises(ops.BlocksRefused):
            table.load_blocks(stored.__getitem__)
    assert_same(table.snapshot(), before)


TARGET = trained(range(5))
WHOLE = store(TARGET.snapshot_blocks(max_rows=2))
