"""Figures of our tables alone: memory while growing, deltas."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tandem_ops
import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.side import chunks, memory, quieten_python
from bench.ops.sides.tandem import make
from bench.ops.workload import Table


def answer(do: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Do one thing that only our side can.

    Raises:
      ValueError: nobody can do that.
    """
    requests: dict[str, Callable[..., dict[str, Any]]] = {
        "growth_peak": growth_peak,
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


def filled(rows: int, dim: int) -> tandem_ops.HashVariable:
    """Make a table of all rows, with two slots."""
    table = make("table", Table(rows, dim))
    for places in chunks(rows):
        table.lookup(tf.constant(workload.keys(places)))
    return table


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
