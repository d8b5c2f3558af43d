"""Merging deltas into tables equals doing it with a dict, and changes nothing in place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_wire.errors import InvalidValue
from tandem_wire.lineage.rows import check_column, check_keys, merge

IDS = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)
TABLES = st.dictionaries(IDS, st.integers(-9, 9), max_size=8)


def arrays(table: dict[int, int]) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    keys = np.array(sorted(table), np.int64)
    rows = np.array([[table[k], -table[k]] for k in sorted(table)], np.float32).reshape(len(table), 2)
    return keys, (rows, np.array([table[k] for k in sorted(table)], np.int64))


@given(TABLES, TABLES, st.sets(IDS, max_size=4))
def test_it_is_what_a_dict_does(old: dict[int, int], new: dict[int, int], removed: set[int]) -> None:
    removed -= set(new)
    keys, columns = arrays(old)
    before = [keys.tobytes(), *(c.tobytes() for c in columns)]
    changed, changes = arrays(new)
    merged, found = merge(keys, columns, changed, changes, np.array(sorted(removed), np.int64))
    expected, wanted = arrays({k: v for k, v in {**old, **new}.items() if k not in removed})
    np.testing.assert_array_equal(merged, expected)
    for column, want in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(column, want)
        assert column.dtype == want.dtype
    assert before == [keys.tobytes(), *(c.tobytes() for c in columns)]


def test_new_arrays_are_read_only() -> None:
    keys, columns = arrays({1: 1, 2: 2})
    for change in ({1: 5}, {3: 5}):
        changed, changes = arrays(change)
        merged, found = merge(keys, columns, changed, changes)
        with pytest.raises(ValueError, match="read-only"):
            found[0][0] = 0
        assert merged is keys or not merged.flags.writeable


def test_an_id_is_not_changed_and_removed() -> None:
    keys, columns = arrays({1: 1})
    with pytest.raises(InvalidValue, match="removed"):
        merge(keys, columns, keys, columns, keys)


def test_rows_of_another_shape_or_type_do_not_fit() -> None:
    keys, columns = arrays({1: 1})
    for bad in ((columns[0][:, :1], columns[1]), (columns[0].astype(np.float64), columns[1])):
        with pytest.raises(InvalidValue, match="don't fit"):
            merge(keys, columns, keys, bad)


KEYS = [
    ([3, 1], np.int64, "unique and ascending"),
    ([1, 1], np.int64, "unique and ascending"),
    ([1, 2], np.int32, "int64"),
    ([[1], [2]], np.int64, "int64"),
]


@pytest.mark.parametrize(("keys", "dtype", "why"), KEYS)
def test_keys_that_are_none_are_refused(keys: list[int], dtype: type, why: str) -> None:
    with pytest.raises(InvalidValue, match=f"rows/brand/keys: .*{why}"):
        check_keys(np.array(keys, dtype), "rows/brand/keys")


def test_extreme_keys_are_in_order() -> None:
    check_keys(np.array([-(2**63), -1, 0, 2**63 - 1], np.int64), "keys")


def test_a_column_has_a_row_for_each_key() -> None:
    check_column(np.zeros((2, 3)), 2, "rows")
    for bad in (np.zeros(3), np.array(1.0)):
        with pytest.raises(InvalidValue, match="one row for each of 2 keys"):
            check_column(bad, 2, "rows")
