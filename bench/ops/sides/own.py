"""Figures of our tables alone: memory while growing, tail latencies beside other work, deltas."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tandem_ops
import tensorflow as tf

from bench.figures import percentile
from bench.ops import workload
from bench.ops.open_loop import Pace, beside, open_loop, to_itself
from bench.ops.sides.side import chunks, memory, quieten_python
from bench.ops.sides.tandem import make
from bench.ops.workload import Table
from bench.rounds import alternate

LATENCY_BATCH = 4_096
FRESH_PER_SECOND = 400_000
FRESH_CALL = 4_096
SNAPSHOT_RATE = 250e6
"""Bytes a second that a snapshot streams: what an uploader asks for, and less than what it could."""
SWEPT_PER_SECOND = 4e6
SWEPT_ROWS = 65_536
EVICTED_CALLS = 50
OLD = 10
"""Event time of rows that are to leave."""


def answer(do: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Do one thing that only our side can.

    Raises:
      ValueError: nobody can do that.
    """
    requests: dict[str, Callable[..., dict[str, Any]]] = {
        "growth_peak": growth_peak,
        "latency": latency,
        "delta": delta,
    }
    if do not in requests:
        raise ValueError(f"no such request: {do}")
    return requests[do](**arguments)


def growth_peak(rows: int, dim: int, batch: int) -> dict[str, Any]:
    """Grow a table from empty; resident memory above the start, after each call: [rows, bytes]."""
    table = make("growing", Table(rows, dim))
    table.lookup(tf.constant(workload.keys(workload.KNOWN_PLACES + np.arange(batch))))
    table.remove(workload.keys(workload.KNOWN_PLACES + np.arange(batch)))
    start = memory()["VmRSS"]
    resident = []
    for first in range(0, rows, batch):
        table.lookup(tf.constant(workload.keys(np.arange(first, min(first + batch, rows)))))
        resident.append([min(first + batch, rows), memory()["VmRSS"] - start])
    return {"resident": resident}


def latency(mode: str, rows: int, dim: int, pairs: int, phase: float) -> dict[str, Any]:
    """Measure the P99 of lookups in an open loop at half load, quiet and beside other work in turn.

    Args:
      mode: the other work: snapshot, growth or eviction.
      rows: of the table.
      dim: of its rows.
      pairs: of phases.
      phase: seconds that one lasts.

    Returns:
      wall, given: [quiet, busy] of each pair, P99 in seconds by either clock of :class:`Latencies`; period: seconds
      between arrivals; work: what the other side did, per second.
    """
    table = filled(rows, dim)

    def look(ids: tf.Tensor) -> tf.Tensor:  # eagerly: in the calling thread, whose clocks say what was stolen
        return table.lookup(ids)[0]

    random = np.random.default_rng(3)
    batches = [tf.constant(workload.keys(random.integers(0, rows, LATENCY_BATCH))) for _ in range(64)]
    quieten_python()
    period = 2 * _median_call(look, batches)
    other = OTHERS[mode](table)

    def quiet() -> tuple[float, float]:
        seen = open_loop(look, batches, period, phase)
        return percentile(seen.wall, 99), percentile(seen.given, 99)

    def busy() -> tuple[float, float]:
        other.prepare()
        with beside(other.turn):
            return quiet()

    with to_itself():
        measured = alternate(quiet, busy, pairs)
    wall, given = ([(a[clock], b[clock]) for a, b in measured] for clock in range(2))
    return {"wall": wall, "given": given, "period": period, "work": other.done / (pairs * phase)}


class Other(Protocol):
    """Work beside lookups; ``done`` counts it."""

    done: float

    def prepare(self) -> None:
        """Get ready, unmeasured."""
        ...

    def turn(self) -> None:
        """Work for some milliseconds."""
        ...


def filled(rows: int, dim: int) -> tandem_ops.HashVariable:
    """Make a table of all rows, with two slots."""
    table = make("table", Table(rows, dim))
    for places in chunks(rows):
        table.lookup(tf.constant(workload.keys(places)))
    return table


class Snapshots:
    """Streams full snapshots with their digests, one after the other, at a steady rate."""

    done = 0.0

    def __init__(self, table: tandem_ops.HashVariable) -> None:
        self._table = table
        self._pace = Pace(SNAPSHOT_RATE)
        self._blocks: Iterator[tandem_ops.Block] = iter(())

    def prepare(self) -> None:
        """Begin to count time."""
        self._pace.restart()

    def turn(self) -> None:
        """Take one block."""
        block = next(self._blocks, None)
        if block is None:
            self._blocks = iter(self._table.snapshot_blocks())
            return
        self.done += block.data.nbytes
        self._pace.hold(block.data.nbytes)


class Growth:
    """Inserts fresh ids at a steady rate."""

    done = 0.0

    def __init__(self, table: tandem_ops.HashVariable) -> None:
        self._table = table
        self._next = workload.KNOWN_PLACES
        self._pace = Pace(FRESH_PER_SECOND)

    def prepare(self) -> None:
        """Begin to count time."""
        self._pace.restart()

    def turn(self) -> None:
        """Insert one call's ids."""
        self._table.lookup(tf.constant(workload.keys(self._next + np.arange(FRESH_CALL))))
        self._next += FRESH_CALL
        self.done += FRESH_CALL
        self._pace.hold(FRESH_CALL)


class Eviction:
    """Sweeps over the table again and again; rows that leave were made before the phase began."""

    done = 0.0

    def __init__(self, table: tandem_ops.HashVariable) -> None:
        self._table = table
        self._next = workload.KNOWN_PLACES
        self._pace = Pace(SWEPT_PER_SECOND)

    def prepare(self) -> None:
        """Make rows that were seen long ago."""
        for _ in range(EVICTED_CALLS):
            self._table.lookup(tf.constant(workload.keys(self._next + np.arange(FRESH_CALL))), event_time=OLD)
            self._next += FRESH_CALL
        self._pace.restart()

    def turn(self) -> None:
        """Sweep some rows."""
        self._table.sweep(seen_before=OLD + 1, rows=SWEPT_ROWS)
        self.done += SWEPT_ROWS
        self._pace.hold(SWEPT_ROWS)


OTHERS: Mapping[str, Callable[[tandem_ops.HashVariable], Other]] = {
    "snapshot": Snapshots,
    "growth": Growth,
    "eviction": Eviction,
}


def delta(rows: int, dim: int, share: float, runs: int) -> dict[str, Any]:
    """Cut deltas of a share of the rows, as columns and as blocks with digests, and copy as many rows, in turn.

    Returns:
      columns, blocks, copy: seconds of each run; bytes: of the blocks of one cut; rows: in it.
    """
    table = filled(rows, dim)
    table.ack(table.begin_delta().epoch)
    random = np.random.default_rng(5)
    size = round(rows * share)
    source = np.ones((rows, dim * 3 + 4), np.float32)  # values and two slots, key, count and last seen
    target = np.empty((size, source.shape[1]), np.float32)
    measured: dict[str, list[float]] = {"columns": [], "blocks": [], "copy": []}
    quieten_python()
    blocks: list[tandem_ops.Block] = []
    for _ in range(runs):
        dirty = random.choice(rows, size, replace=False)
        for kind in ("columns", "blocks"):
            _, handles = table.lookup(workload.keys(dirty))
            table.apply(handles, np.ones((size, dim), np.float32))
            begin = time.perf_counter()
            if kind == "columns":
                epoch = table.begin_delta().epoch
            else:
                stream = table.delta_blocks()
                epoch, blocks = stream.epoch, list(stream)
            measured[kind].append(time.perf_counter() - begin)
            table.ack(epoch)
        ordered = np.sort(dirty)
        begin = time.perf_counter()
        np.take(source, ordered, axis=0, out=target)
        measured["copy"].append(time.perf_counter() - begin)
    return {**measured, "bytes": sum(block.data.nbytes for block in blocks), "rows": size}


def _median_call(look: Callable[[tf.Tensor], object], batches: Sequence[tf.Tensor]) -> float:
    seconds = []
    for _ in range(4):
        for ids in batches:
            begin = time.perf_counter()
            look(ids)
            seconds.append(time.perf_counter() - begin)
    return percentile(seconds[len(batches) :], 50)
