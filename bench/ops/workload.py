"""What all sides are asked: ids, batches and rows, functions of a seed alone. Pure NumPy; runs in every side."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]
Skew = Literal["uniform", "skewed", "80/20"]
Insert = Literal["rows", "rows_and_slots", "rows_and_step"]
"""What an insert makes: values; values and two slots in one call; values, and slots by the first step of Adam."""

POPULAR_TRAFFIC = 0.8

KNOWN_PLACES = 1 << 40
"""Places from here on belong to ids that no table has."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a side fills before it is asked.

    Attributes:
      rows: of each table.
      dim: floats per row.
      optimizer: adam, adagrad, or a group lasso form of ours.
      tables: how many.
      admission: whether new ids must pass an admission filter (ours only).
      exact: rows begin with :func:`values` rather than however is fastest; for comparing results.
    """

    rows: int
    dim: int
    optimizer: str = "adam"
    tables: int = 1
    admission: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """What a side does again and again.

    Attributes:
      step: lookup, or train: lookup and one optimizer step.
      skew: of the ids.
      batch: ids per call.
      batches: different ones; a run is one or more passes over them.
      unknown: share of ids that no table has, other ones in every call.
      all_rows: every batch has each row at least once, so that peers whose step count is global compute the same.
      eager: calls outside of a tf.function.
    """

    step: Literal["lookup", "train"]
    skew: Skew
    batch: int
    batches: int = 12
    unknown: float = 0.0
    all_rows: bool = False
    eager: bool = False


def keys(places: Ids) -> Ids:
    """Return the ids of places 0, 1, …: distinct over all of int64 and without order (SplitMix64's finaliser).

    Example:
      >>> len(set(keys(np.arange(100_000)).tolist()))
      100000
    """
    with np.errstate(over="ignore"):
        z = places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (z ^ (z >> np.uint64(31))).view(np.int64)


def places(skew: Skew, size: int, rows: int, random: np.random.Generator) -> Ids:
    """Draw places of rows.

    Args:
      skew: ``skewed`` draws place p with density 1/p (Zipf's law with exponent 1, as click logs have), ``80/20`` gives
        the first fifth of the rows four fifths of the traffic.
      size: how many.
      rows: places are in 0 … rows - 1.
      random: source.
    """
    if skew == "uniform":
        return random.integers(0, rows, size)
    if skew == "skewed":
        drawn = np.exp(random.random(size) * math.log(rows + 1)).astype(np.int64) - 1
        return np.minimum(drawn, rows - 1)
    popular = random.random(size) < POPULAR_TRAFFIC
    fifth = max(rows // 5, 1)
    return np.where(popular, random.integers(0, fifth, size), random.integers(fifth, max(rows, fifth + 1), size))


def batches(table: Table, work: Work, seed: int) -> list[Ids]:
    """Return the places of each batch, int64 (batch,)."""
    random = np.random.default_rng(seed)
    drawn = [places(work.skew, work.batch, table.rows, random) for _ in range(work.batches)]
    if work.all_rows:
        drawn = [
            np.concatenate([random.permutation(table.rows), batch])[: max(work.batch, table.rows)] for batch in drawn
        ]
    return drawn


def with_unknown(batch: Ids, share: float, number: int) -> Ids:
    """Replace a share of a batch's places by places that no table has and no other ``number`` gets."""
    random = np.random.default_rng(number)
    mixed = batch.copy()
    at = random.permutation(len(batch))[: round(len(batch) * share)]
    mixed[at] = KNOWN_PLACES + number * len(batch) + np.arange(len(at))
    return mixed


def values(at: Ids, dim: int) -> Rows:
    """Return how the rows at places begin where sides must agree: float32 (n, dim) in [-0.5, 0.5)."""
    cells = at[:, None] * dim + np.arange(dim)
    return ((keys(cells) >> np.int64(40)) / 2.0**24).astype(np.float32)


def raw_bytes(dim: int, slots: int) -> int:
    """Return what a row is by itself: key, values, slots, count of steps and last seen (4 B each).

    Example:
      >>> raw_bytes(16, 2)
      208
    """
    return 8 + 4 * dim * (1 + slots) + 8


def gradients(batch: int, dim: int) -> Rows:
    """Return the gradient of every call, float32 (batch, dim)."""
    return np.random.default_rng(7).standard_normal((batch, dim), np.float32)
