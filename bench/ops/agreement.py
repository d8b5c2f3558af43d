"""Whether all sides compute the same: a small table that every side trains alike, read back and compared."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from bench.ops.session import Session, filled
from bench.ops.workload import Rows, Table, Work

LOOKUPS = ("ours", "gather", "keras", "tfra", "dense_hash_table", "mutable_hash_table")
TRAINED = ("ours", "gather", "tfra")
STEPS = 5
TOLERANCE = 2e-5
"""Sums of duplicate gradients in another order, and Adam's division, differ by some units of float32's last place."""


class Disagreement(RuntimeError):  # noqa: N818 - says what happened
    """A side computed something else."""


def check(threads: int) -> dict[str, float]:
    """Compare all sides with ours.

    Args:
      threads: of each side.

    Returns:
      Greatest difference by what was compared.

    Raises:
      Disagreement: a side's rows are not ours.
    """
    found: dict[str, float] = {}
    table = Table(rows=3_000, dim=16, exact=True)
    with Session(filled(LOOKUPS, table), threads) as session:
        found |= compare_rows("lookup", _rows(session, LOOKUPS, steps=0))
        found |= compare_rows("adam", _rows(session, TRAINED, steps=STEPS))
        session.reopen(dict.fromkeys(TRAINED, replace(table, optimizer="adagrad")))
        found |= compare_rows("adagrad", _rows(session, TRAINED, steps=STEPS))
    return found


def compare_rows(what: str, rows: Mapping[str, Rows]) -> dict[str, float]:
    """Return how far each side's rows are from ours.

    Args:
      what: was computed.
      rows: by side, ours among them.

    Raises:
      Disagreement: farther than rounding.
    """
    off = {side: float(np.abs(found - rows["ours"]).max()) for side, found in rows.items() if side != "ours"}
    for side, difference in off.items():
        if not difference <= TOLERANCE:
            raise Disagreement(f"{side} differs from ours by {difference:.2g} after {what}")
    return {f"{what} {side}": difference for side, difference in off.items()}


def _rows(session: Session, sides: Sequence[str], steps: int) -> dict[str, Rows]:
    """Train on the same batches, read all rows."""
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for side in sides:
            if steps:
                work = Work("train", "skewed", 8_192, steps, all_rows=True)
                session[side].ask("train_steps", work=asdict(work))
            path = Path(folder) / f"{side}.npy"
            session[side].ask("rows", path=str(path))
            rows[side] = np.load(path)
    return rows
