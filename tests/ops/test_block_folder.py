"""A stream in a folder: whole or not at all."""

import pytest
import tandem_ops as ops
import tensorflow as tf

from tests.ops.tables import DIM, assert_same, make_table


def trained() -> ops.HashVariable:
    table = make_table()
    _, handles = table.lookup(list(range(20)))
    table.apply(handles, tf.ones([20, DIM]))
    return table


def test_a_folder_gives_back_what_was_written(tmp_path):
    table, copy = trained(), make_table()
    index = ops.write_folder(table.snapshot_blocks(max_rows=8), tmp_path / "new" / "folder")
    assert sorted(file.name for file in (tmp_path / "new" / "folder").iterdir()) == sorted(
        ["index.json", *(block.name for block in index.blocks)]
    )
    assert copy.load_blocks(ops.read_folder(tmp_path / "new" / "folder")) == index
    assert_same(copy.snapshot(), table.snapshot())


def test_the_next_stream_takes_the_place_of_the_last(tmp_path):
    table = trained()
    first = ops.write_folder(table.snapshot_blocks(max_rows=4), tmp_path)
    table.remove([1])
    second = ops.write_folder(table.snapshot_blocks(max_rows=8), tmp_path)
    assert first.stream != second.stream
    assert {file.name for file in tmp_path.iterdir()} == {"index.json", *(block.name for block in second.blocks)}


def test_a_writer_that_dies_leaves_the_last_stream(tmp_path):
    table, copy = trained(), make_table()
    ops.write_folder(table.snapshot_blocks(max_rows=8), tmp_path)
    before = table.snapshot()
    table.remove([1, 2])
    stream = table.snapshot_blocks(max_rows=8)
    block = next(stream)
    (tmp_path / block.name).write_bytes(block.data)
    stream.close()
    copy.load_blocks(ops.read_folder(tmp_path))
    assert_same(copy.snapshot(), before)
    ops.write_folder(table.snapshot_blocks(), tmp_path)
    assert not (tmp_path / block.name).exists()


def test_a_folder_without_an_index_has_no_stream(tmp_path):
    with pytest.raises(ops.BlocksRefused, match=r"index\.json is missing"):
        make_table().load_blocks(ops.read_folder(tmp_path))


def test_a_missing_block_is_told_and_the_table_stays(tmp_path):
    table = trained()
    index = ops.write_folder(table.snapshot_blocks(max_rows=8), tmp_path)
    (tmp_path / index.blocks[1].name).unlink()
    before = table.snapshot()
    with pytest.raises(ops.BlocksRefused, match=r"000001\.safetensors is missing"):
        table.load_blocks(ops.read_folder(tmp_path))
    assert_same(table.snapshot(), before)
