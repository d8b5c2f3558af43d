"""Plays a real log of clicks instead of the synthetic stream; the mapping of its columns is declared here.

The log has columns of the Globo.com news set (``COLUMNS``). Event time becomes wall time; the order is kept. Where the
log is larger than the demonstration's rate and duration allow, whole users are left out, so that those who stay keep
their history.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from e2e.demo.errors import BadLogError
from e2e.demo.samples import Batch, Features

COLUMNS = (
    "ts_ms",
    "user_id",
    "article_id",
    "prev_article_id",
    "environment",
    "device_group",
    "os",
    "region",
    "click",
    "conversion",
)
_HASH_BUCKETS = 10_000


def load(path: Path, most_rows: int) -> pd.DataFrame:
    """The log at ``path`` (.parquet, .csv or .csv.gz), in order of time, with at most about ``most_rows`` rows.

    Raises:
      BadLogError: there is no such file, or a column is missing; the message names it.
    """
    if not path.is_file():
        raise BadLogError(
            f"DATA={path}: no such file. Give a .parquet or .csv file with the columns {', '.join(COLUMNS)}."
        )
    log = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    missing = [name for name in COLUMNS if name not in log.columns]
    if missing:
        raise BadLogError(
            f"DATA={path}: the columns {', '.join(missing)} are missing; {', '.join(COLUMNS)} are needed."
        )
    log = log.sort_values("ts_ms", kind="stable")
    if len(log) > most_rows:
        bucket = pd.util.hash_array(log["user_id"].to_numpy(np.int64)) % _HASH_BUCKETS
        log = log[bucket < _HASH_BUCKETS * most_rows / len(log)]
    return log.reset_index(drop=True)


def features(log: pd.DataFrame) -> Features:
    """The declared mapping of the log's columns to the model's features; nothing looks at a label or ahead in time.

    user_id ← user, item_id ← article, query ← the article read just before (as a string), brand ← region, user_segment
    ← environment, device and system. numeric ← [log hours since the article was first seen in the log, log seconds
    since it was last seen, how often it was shown before (log), the same for the user].
    """
    seconds = log["ts_ms"].to_numpy(np.float64) / 1000
    article = log.groupby("article_id", sort=False)
    first_seen = article["ts_ms"].transform("first").to_numpy(np.float64) / 1000
    last_seen = article["ts_ms"].shift().to_numpy(np.float64) / 1000
    since_last = np.where(np.isnan(last_seen), 1e5, seconds - last_seen)
    numeric = np.stack(
        [
            np.log1p((seconds - first_seen) / 3600),
            np.log1p(since_last) / 4,
            np.log1p(article.cumcount().to_numpy(np.float64)) / 4,
            np.log1p(log.groupby("user_id", sort=False).cumcount().to_numpy(np.float64)) / 4,
        ],
        axis=1,
    )
    device = (
        log["environment"].to_numpy(np.int64) * 1000
        + log["device_group"].to_numpy(np.int64) * 100
        + log["os"].to_numpy(np.int64)
    )
    return Features(
        user_id=log["user_id"].to_numpy(np.int64),
        item_id=log["article_id"].to_numpy(np.int64),
        query=tuple(b"after %d" % previous for previous in log["prev_article_id"].to_list()),
        brand=log["region"].to_numpy(np.int64),
        user_segment=device,
        numeric=numeric.astype(np.float32),
    )


class Replay:
    """A log played from its start; ``draw`` has the form of the synthetic stream's."""

    def __init__(self, path: Path, most_rows: int) -> None:
        log = load(path, most_rows)
        self._features = features(log)
        self._click = log["click"].to_numpy(np.float32)
        self._conversion = log["conversion"].to_numpy(np.float32) * self._click
        self._next = 0

    def __len__(self) -> int:
        return len(self._click)

    @property
    def left(self) -> int:
        """How many rows have not been played."""
        return len(self) - self._next

    def begin_promotion(self, time: float) -> None:
        """A real log has its own promotions."""

    def draw(self, time: float, count: int) -> Batch:  # noqa: ARG002 - the log's own order is its time
        """The next ``count`` rows; fewer at the end, then none."""
        rows = np.arange(self._next, min(self._next + count, len(self)))
        self._next += len(rows)
        unknown = np.full(len(rows), np.nan)
        return Batch(self._features.take(rows), self._click[rows], self._conversion[rows], unknown, unknown)
