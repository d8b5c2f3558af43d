"""A real click log as a stream of ids: the columns of Globo's page views, and crosses of them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from bench.ops.planted import Stream
from bench.ops.workload import keys

CLICK = "click"
FIELDS: tuple[tuple[str, ...], ...] = (
    ("article_id",),
    ("prev_article_id",),
    ("user_id",),
    ("article_id", "prev_article_id"),
    ("article_id", "region"),
    ("article_id", "referrer_type"),
)


def read_log(path: Path) -> Stream:
    """Read a log in the order of its rows.

    Args:
      path: Parquet with ``click`` and the integer columns of ``FIELDS``; a field of several columns is their cross.

    Returns:
      The stream; its chances and signal are not known, and empty.
    """
    names = sorted({name for field in FIELDS for name in field})
    table = pq.read_table(path, columns=[CLICK, *names])
    columns = {name: table.column(name).to_numpy().astype(np.int64) for name in names}
    ids = np.stack([cross(number, [columns[name] for name in field]) for number, field in enumerate(FIELDS)], axis=1)
    labels = table.column(CLICK).to_numpy().astype(np.float32)
    return Stream(ids, labels, np.empty(0), np.empty(0, np.bool_))


def cross(field: int, columns: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Return an id for each combination of values, other ones in every field."""
    mixed = np.full(len(columns[0]), field, np.int64)
    with np.errstate(over="ignore"):
        for column in columns:
            mixed = keys(mixed + column)
    return mixed
