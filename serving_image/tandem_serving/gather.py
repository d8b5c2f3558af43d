"""From ids to feature rows: lookup in sorted keys, fingerprints of strings, pooling. Pure functions over arrays."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from xxhash import xxh64_intdigest

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

PADDING = -1
"""The int64 id that fills a pooled input up to its length."""


def fingerprint(strings: Iterable[bytes]) -> Ids:
    """Turn string ids into int64 ids: XXH64 with seed 0, read as two's complement.

    Returns:
      int64 of shape (n,).

    Example:
      >>> fingerprint([b""])
      array([-1205034819632174695])
    """
    return np.fromiter((xxh64_intdigest(string) for string in strings), np.uint64).view(np.int64)


def gather(keys: Ids, values: Floats, ids: Ids) -> Floats:
    """Look the rows of ids up; an id without a row reads as zeros.

    Args:
      keys: int64 of shape (n,), unique and ascending.
      values: float32 of shape (n, dim), beside keys.
      ids: int64 of any shape.

    Returns:
      float32 of shape ids.shape + (dim,), a new array.
    """
    if not len(keys):
        return np.zeros((*ids.shape, values.shape[1]), np.float32)
    rows = np.searchsorted(keys, ids)
    np.minimum(rows, len(keys) - 1, out=rows)
    found = values[rows]
    found[keys[rows] != ids] = 0.0
    return found


def pool(vectors: Floats, present: npt.NDArray[np.bool_], pooling: str) -> Floats:
    """Bring the rows of one input to one row per sample.

    Args:
      vectors: float32 of shape (batch, length, dim).
      present: bool of shape (batch, length); False marks padding, which sums and means pass over.
      pooling: ``none``: side by side; ``sum``; ``mean`` over what is present, zeros where nothing is.

    Returns:
      float32 of shape (batch, length·dim) for ``none``, else (batch, dim).
    """
    batch, length, dim = vectors.shape
    if pooling == "none":
        return vectors.reshape(batch, length * dim)
    kept = np.where(present[:, :, None], vectors, np.float32(0.0))
    total: Floats = kept.sum(axis=1, dtype=np.float32)
    if pooling == "sum":
        return total
    count = np.maximum(present.sum(axis=1, dtype=np.float32), np.float32(1.0))
    mean: Floats = total / count[:, None]
    return mean
