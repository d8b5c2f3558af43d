import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tandem_ops as ops
import tensorflow as tf

from tests.ops.tables import assert_same, make_table

DIM = 4
ROUNDS = 60
IDS = np.arange(50, dtype=np.int64)


def consistent(snapshot: ops.Snapshot) -> bool:
    """Rows begin at 0 and each step adds 1 to every value: a torn row or a cut through a step shows."""
    return np.array_equal(snapshot.rows, np.repeat(snapshot.steps[:, None], DIM, axis=1))


class Stress:
    """One table, and what its threads do with it until those that train are done."""

    def __init__(self) -> None:
        self.table, self.replica = (
            make_table(name, dim=DIM, initializer=ops.Zeros(), optimizer=ops.SGD(1.0)) for name in ("table", "replica")
        )
        self.done = threading.Event()
        self.step = tf.function(self._step)

    def _step(self, ids: tf.Tensor) -> None:
        rows, handles = self.table.lookup(ids)
        self.table.apply(handles, -tf.ones_like(rows))

    def train(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(ROUNDS):
            self.step(tf.constant(random.permutation(IDS)))

    def churn(self) -> None:
        for key in range(1000, 1000 + ROUNDS):
            self.table.lookup([key])
            assert self.table.remove([key]).numpy() == 1

    def cut_snapshots(self) -> None:
        last = False
        while not last:
            last = self.done.is_set()
            assert consistent(self.table.snapshot())

    def follow(self) -> None:
        last = False
        while not last:
            last = self.done.is_set()
            delta = self.table.begin_delta()
            assert consistent(delta.changed)
            self.replica.load_rows(delta.changed, removed=delta.removed)
            self.table.ack(delta.epoch)

    def read(self) -> None:
        """A row may mix two steps, but each of its values is that of some step, and none goes back."""
        last, before = False, np.zeros((len(IDS), DIM), np.float32)
        while not last:
            last = self.done.is_set()
            rows = self.table.peek(IDS).numpy()
            assert np.array_equal(rows, np.floor(rows))
            assert (rows >= before).all()
            before = rows


def test_training_beside_snapshots_deltas_and_removals():
    stress = Stress()
    with ThreadPoolExecutor(6) as pool:
        watching = [pool.submit(each) for each in (stress.cut_snapshots, stress.follow, stress.read)]
        training = [pool.submit(stress.train, seed) for seed in (1, 2)] + [pool.submit(stress.churn)]
        try:
            for future in training:
                future.result(timeout=120)
        finally:
            stress.done.set()
        for future in watching:
            future.result(timeout=120)
    snapshot = stress.table.snapshot()
    assert snapshot.steps.tolist() == [2 * ROUNDS] * len(IDS)
    assert_same(stress.replica.snapshot(), snapshot)
