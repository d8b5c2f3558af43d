"""Tables of rows under ascending keys, and how a delta changes them; pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tandem_wire.errors import InvalidValue
from tandem_wire.tensors import Array

Keys = npt.NDArray[np.int64]
NO_KEYS: Keys = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A serving table: ``keys`` (n,) int64 unique and ascending, ``values`` (n, dim) float32; both read-only."""

    keys: Keys
    values: npt.NDArray[np.float32]


def check_keys(keys: Array, where: str) -> Keys:
    """Return ``keys`` if they are (n,) int64, unique and ascending.

    Raises:
      InvalidValue: naming ``where``.
    """
    if keys.ndim != 1 or keys.dtype != np.int64:
        raise InvalidValue(where, f"must be (n,) int64, not {keys.shape} {keys.dtype}")
    typed = keys.astype(np.int64, copy=False)
    if not bool((typed[1:] > typed[:-1]).all()):
        raise InvalidValue(where, "must be unique and ascending")
    return typed


def check_column(column: Array, count: int, where: str) -> None:
    """Refuse a column that has not one row per key."""
    if column.ndim < 1 or column.shape[0] != count:
        raise InvalidValue(where, f"must have one row for each of {count} keys, not shape {column.shape}")


def merge(
    keys: Keys, columns: tuple[Array, ...], changed: Keys, changes: tuple[Array, ...], removed: Keys = NO_KEYS
) -> tuple[Keys, tuple[Array, ...]]:
    """Replace and insert the rows of ``changed``, drop those of ``removed``; nothing is changed in place.

    Args:
      keys: (n,) int64, ascending.
      columns: arrays of n rows each.
      changed: (m,) int64, ascending.
      changes: arrays of m rows each, of the columns' dtypes and row shapes.
      removed: (r,) int64, ascending; ids that are not there are passed over.

    Returns:
      New keys and columns, read-only.

    Raises:
      InvalidValue: an id is both changed and removed, or a column has another dtype or row shape.
    """
    for column, change in zip(columns, changes, strict=True):
        if column.dtype != change.dtype or column.shape[1:] != change.shape[1:]:
            raise InvalidValue(
                "", f"rows of {change.dtype} {change.shape[1:]} don't fit to rows of {column.dtype} {column.shape[1:]}"
            )
    if removed.size and bool(_member(changed, removed).any()):
        raise InvalidValue("removed", "has an id that is also changed")
    if removed.size:
        stay = np.flatnonzero(~_member(removed, keys))
        keys, columns = _frozen_keys(keys[stay]), tuple(_frozen(column[stay]) for column in columns)
    known = _member(keys, changed)
    if bool(known.all()):
        at = np.searchsorted(keys, changed)
        return keys, tuple(_replaced(*pair, at) for pair in zip(columns, changes, strict=True))
    return _inserted(keys, columns, changed, changes, known)


def _inserted(
    keys: Keys, columns: tuple[Array, ...], changed: Keys, changes: tuple[Array, ...], known: npt.NDArray[np.bool_]
) -> tuple[Keys, tuple[Array, ...]]:
    """Make room for the new ids: both sides keep their order, so each row's new place is its rank in the union."""
    at = np.searchsorted(keys, changed) + np.cumsum(~known) - ~known
    free = np.ones(keys.size + int((~known).sum()), np.bool_)
    free[at[~known]] = False
    old = np.flatnonzero(free)
    merged = np.empty(free.size, np.int64)
    merged[old] = keys
    merged[at] = changed
    result = []
    for column, change in zip(columns, changes, strict=True):
        room = np.empty((free.size, *column.shape[1:]), column.dtype)
        room[old] = column
        room[at] = change
        result.append(_frozen(room))
    return _frozen_keys(merged), tuple(result)


def _member(sorted_keys: Keys, wanted: Keys) -> npt.NDArray[np.bool_]:
    """Say for each of ``wanted`` whether it is in ``sorted_keys``."""
    if not sorted_keys.size:
        return np.zeros(wanted.shape, np.bool_)
    at = np.minimum(np.searchsorted(sorted_keys, wanted), sorted_keys.size - 1)
    found: npt.NDArray[np.bool_] = sorted_keys[at] == wanted
    return found


def _replaced(column: Array, change: Array, at: npt.NDArray[np.intp]) -> Array:
    if not at.size:
        return column
    copy = column.copy()
    copy[at] = change
    return _frozen(copy)


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array


def _frozen_keys(keys: Keys) -> Keys:
    keys.flags.writeable = False
    return keys
