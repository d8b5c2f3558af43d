"""Inserting from empty: speed, the worst call, and what memory a row takes."""

import statistics
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from bench import machine
from bench.figures import Figure, compare
from bench.ops.scale import Scale, rows_text, threads_text
from bench.ops.session import Session, filled, start
from bench.ops.workload import Table, Work
from bench.rounds import interleave

SMALL_CALL = 8_192
MIB = 2**20
TRAINED = 8_192


def fresh(scale: Scale) -> Iterator[Figure]:
    """Compare inserts of fresh ids, each run in a process of its own, so that no memory is left from before."""
    before_after: dict[str, list[str]] = {}

    def run(side: str, _: int) -> float:
        answer = _insert(side, scale, scale.rows, scale.batch)
        kept = [answer[when]["VmRSS"] / MIB for when in ("before", "after")]
        before_after[side] = [f"{value:.0f}" for value in kept]
        return scale.rows / float(sum(answer["seconds"])) / 1e6

    sides = ("ours", "tfra", "dense_hash_table")
    load = machine.load()
    values = interleave({side: partial(run, side) for side in sides}, 5)
    memory = ", ".join(f"{side} {' → '.join(resident)}" for side, resident in before_after.items())
    setting = f"{scale}, from empty in a new process; ours with two slots, peers without; RSS MiB {memory}"
    yield compare("insert_fresh", setting, "M ids/s", values, load=load)


def worst(scale: Scale) -> Iterator[Figure]:
    """Look for the worst call of small inserts while a table grows; the ratio is to the median call."""
    load = machine.load()
    calls = [_insert("ours", scale, scale.grown, SMALL_CALL)["seconds"] for _ in range(5)]
    worst_ms = [max(seconds[1:]) * 1e3 for seconds in calls]  # the first call makes the table
    medians = [statistics.median(seconds) * 1e3 for seconds in calls]
    ratio = statistics.median(a / b for a, b in zip(worst_ms, medians, strict=True))
    setting = (
        f"calls of {SMALL_CALL:,} fresh ids, 0 → {rows_text(scale.grown)} rows, dim {scale.dim}, two slots, "
        f"{threads_text(scale.threads)}; ratio to the median call of {statistics.median(medians):.2f} ms"
    )
    yield compare("insert_worst_ms", setting, "ms", {"ours": worst_ms}, load=load, ratio=ratio)


def bytes_per_row(scale: Scale) -> Iterator[Figure]:
    """Compare resident memory with what keys, rows, slots and counters are by themselves."""
    shapes = [(scale.rows, scale.dim, ("ours", "tfra")), *[(scale.rows // 4, dim, ("ours",)) for dim in (8, 32, 64)]]
    for rows, dim, sides in shapes:
        load = machine.load()
        steady = {side: [_resident(side, scale, Table(rows, dim)) / raw_bytes(dim, 2) / rows] for side in sides}
        setting = f"{rows_text(rows)} rows, dim {dim}, 2 slots, steady, resident; raw {raw_bytes(dim, 2)} B a row"
        yield compare("bytes_per_row_ratio", setting, "x", steady, load=load, ratio=steady["ours"][0])
    with start("ours", scale.threads) as side:
        load = machine.load()
        answer = side.ask("growth_peak", rows=scale.rows, dim=scale.dim, batch=scale.batch)
    peak = max(
        bytes_ / (rows * raw_bytes(scale.dim, 2)) for rows, bytes_ in answer["resident"] if rows >= scale.rows // 4
    )
    setting = f"{rows_text(scale.rows // 4)} → {rows_text(scale.rows)} rows, dim {scale.dim}, 2 slots, worst moment"
    yield compare("bytes_per_row_ratio", setting, "x", {"ours": [peak]}, load=load, ratio=peak)


def raw_bytes(dim: int, slots: int) -> int:
    """Return what a row is by itself: key, values, slots, count of steps and last seen (4 B each).

    Example:
      >>> raw_bytes(16, 2)
      208
    """
    return 8 + 4 * dim * (1 + slots) + 8


def _resident(side: str, scale: Scale, table: Table) -> int:
    """Return what the process grew by when the table was filled and every row had been trained, bytes."""
    resident = []
    few = replace(table, rows=TRAINED)
    with Session(filled([side], few), scale.threads) as session:
        for filled_with in (few, table):  # the first makes TensorFlow and its functions ready
            session.reopen({side: filled_with})
            session[side].ask("prepare", work=asdict(Work("train", "uniform", TRAINED, 1)))
            resident.append(int(session[side].ask("train_rows")["memory"]["VmRSS"]))
    return resident[1] - resident[0]


def _insert(side: str, scale: Scale, rows: int, batch: int) -> dict[str, Any]:
    with start(side, scale.threads) as process:
        return process.ask("insert", rows=rows, dim=scale.dim, batch=batch)
