"""Does what it is asked with one side."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.side import Side, memory, quieten_python
from bench.ops.workload import Ids, Table, Work

SEED = 11
FEW = 16
RUN_SECONDS = 0.3
"""A run makes as many passes over its batches as take about this long, one at least."""


def _tandem() -> Side:
    from bench.ops.sides.tandem import Tandem  # noqa: PLC0415 - not in the peers' environments

    return Tandem()


def _dense() -> Side:
    from bench.ops.sides.dense import Dense  # noqa: PLC0415 - a side loads its own only

    return Dense()


def _keras() -> Side:
    from bench.ops.sides.dense import Keras  # noqa: PLC0415 - a side loads its own only

    return Keras()


def _dense_hash_table() -> Side:
    from bench.ops.sides.lookup_tables import LookupTable  # noqa: PLC0415 - a side loads its own only

    return LookupTable(dense=True)


def _mutable_hash_table() -> Side:
    from bench.ops.sides.lookup_tables import LookupTable  # noqa: PLC0415 - a side loads its own only

    return LookupTable(dense=False)


def _first_touch() -> Side:
    from bench.ops.sides.first_touch import FirstTouch  # noqa: PLC0415 - a side loads its own only

    return FirstTouch()


def _tfra() -> Side:
    from bench.ops.sides.tfra import Tfra  # noqa: PLC0415 - in its own environment only

    return Tfra()


SIDES: Mapping[str, Callable[[], Side]] = {
    "ours": _tandem,
    "gather": _dense,
    "keras": _keras,
    "dense_hash_table": _dense_hash_table,
    "mutable_hash_table": _mutable_hash_table,
    "tfra": _tfra,
    "first_touch": _first_touch,
}


class Worker:
    """Answers requests.

    Args:
      side: its name in ``SIDES``.
      threads: of TensorFlow within an op; ops run one after the other.
    """

    def __init__(self, side: str, threads: int) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._side = SIDES[side]()
        self._calls = 0
        self._time = 0
        self._requests: dict[str, Callable[..., dict[str, Any]]] = {
            "open": self._open,
            "prepare": self._prepare,
            "run": self._run,
            "train_rows": self._train_rows,
            "train_steps": self._train_steps,
            "rows": self._rows,
            "insert": self._insert,
        }

    def answer(self, do: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Do one thing."""
        if do in self._requests:
            return self._requests[do](**arguments)
        from bench.ops.sides import own  # noqa: PLC0415 - figures of ours alone

        return own.answer(do, arguments)

    def _open(self, table: dict[str, Any]) -> dict[str, Any]:
        self._table = Table(**table)
        before = memory()
        begin = time.perf_counter()
        self._side.open(self._table)
        return {"seconds": time.perf_counter() - begin, "before": before, "after": memory()}

    def _prepare(self, work: dict[str, Any]) -> dict[str, Any]:
        self._work = Work(**work)
        call = self._side.call(self._work)
        if self._work.eager:
            self._call = call
        else:
            ids = [tf.TensorSpec([None], tf.int64)] * self._table.tables
            signature = [ids, tf.TensorSpec([], tf.int64)]
            self._call = tf.function(call, input_signature=signature, autograph=False)
        self._places = workload.batches(self._table, self._work, SEED)
        self._passes = 1
        self._ids = self._draw()
        self._timed()  # traces and touches memory
        # Unknown ids are other ones in every call, here too: what comes again soon is admitted, and not unknown then.
        self._ids = self._draw()
        self._passes = max(1, round(RUN_SECONDS / self._timed()))
        self._ids = self._draw()
        return {"passes": self._passes}

    def _run(self) -> dict[str, Any]:
        """Measure; M ids/s."""
        if self._work.unknown:
            self._ids = self._draw()
        ids = self._passes * len(self._places) * self._work.batch * self._table.tables
        return {"value": ids / self._timed() / 1e6}

    def _train_rows(self) -> dict[str, Any]:
        """Train every row at least once, and tell the memory afterwards."""
        rows, batch = self._table.rows, self._work.batch
        for start in range(0, rows, batch):
            places = np.arange(start, start + batch) % rows
            self._call([tf.constant(self._side.ids(places))], self._now())
        return {"memory": memory()}

    def _train_steps(self, work: dict[str, Any]) -> dict[str, Any]:
        """Train each batch once, in order."""
        described = Work(**work)
        call = self._side.call(described)
        for places in workload.batches(self._table, described, SEED):
            call([tf.constant(self._side.ids(places))], self._now())
        return {}

    def _rows(self, path: str) -> dict[str, Any]:
        """Write all rows of the first table as .npy, by place."""
        np.save(path, self._side.rows(np.arange(self._table.rows)))
        return {}

    def _insert(self, rows: int, dim: int, batch: int, what: workload.Insert) -> dict[str, Any]:
        """Insert fresh ids from empty, or nearly so: a few before make functions ready. The seconds of each call."""
        insert = self._side.insert(dim, what, batch)
        insert(tf.constant(self._side.ids(workload.KNOWN_PLACES + np.arange(FEW))))
        ids = [
            tf.constant(self._side.ids(np.arange(start, min(start + batch, rows)))) for start in range(0, rows, batch)
        ]
        before = memory()
        quieten_python()
        seconds = []
        for one in ids:
            begin = time.perf_counter()
            insert(one)
            seconds.append(time.perf_counter() - begin)
        return {"seconds": seconds, "before": before, "after": memory()}

    def _draw(self) -> list[Sequence[tf.Tensor]]:
        """Return the ids of every call of one run."""
        drawn: list[Sequence[tf.Tensor]] = []
        for _ in range(self._passes if self._work.unknown else 1):
            for places in self._places:
                self._calls += 1
                drawn.append([self._tensor(places, self._calls * 1000 + i) for i in range(self._table.tables)])
        return drawn * (1 if self._work.unknown else self._passes)

    def _tensor(self, places: Ids, number: int) -> tf.Tensor:
        if self._work.unknown:
            places = workload.with_unknown(places, self._work.unknown, number)
        return tf.constant(self._side.ids(places))

    def _timed(self) -> float:
        calls = [(ids, self._now()) for ids in self._ids]
        begin = time.perf_counter()
        for ids, now in calls:
            self._call(ids, now)
        return time.perf_counter() - begin

    def _now(self) -> tf.Tensor:
        """Return the event time of the next call."""
        self._time += 1
        return tf.constant(self._time, tf.int64)
