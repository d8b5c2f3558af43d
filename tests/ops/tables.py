"""What several tests of the tables share."""

from typing import Any

import numpy as np
import tandem_ops as ops

DIM = 3
OPTIMIZER = ops.Adagrad(learning_rate=0.1)


def make_table(name: str = "user_id", **arguments: Any) -> ops.HashVariable:
    """A table of the defaults above, but for what is told."""
    defaults = {"dim": DIM, "initializer": ops.Uniform(0.05), "optimizer": OPTIMIZER, "seed": 1}
    return ops.HashVariable(name, **{**defaults, **arguments})


def make_snapshot(keys: list[int]) -> ops.Snapshot:
    """Rows that a table of the defaults above can have held."""
    n = len(keys)
    return ops.Snapshot(
        keys=np.array(keys, np.int64),
        rows=np.full((n, DIM), 0.5, np.float32),
        slots=np.full((n, DIM), 0.5, np.float32),
        steps=np.full(n, 2, np.int64),
        seen=np.full(n, 0, np.int64),
    )


def assert_same(left: ops.Snapshot, right: ops.Snapshot) -> None:
    """Two snapshots, bit for bit."""
    for column in ("keys", "rows", "slots", "steps", "seen"):
        ours, theirs = getattr(left, column), getattr(right, column)
        assert ours.dtype == theirs.dtype, column
        assert ours.shape == theirs.shape, column
        assert ours.tobytes() == theirs.tobytes(), column
