"""Inserting from empty: speed, the worst call, and what memory a row takes."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from bench import machine
from bench.figures import Figure, compare
from bench.ops.reservoir import Reservoir
from bench.ops.scale import Scale, rows_text, threads_text
from bench.ops.session import Session, filled, start
from bench.ops.workload import Insert, Table, Work, raw_bytes
from bench.rounds import interleave

SMALL_CALL = 8_192
MIB = 2**20
TRAINED = 8_192
RUNS = 5
ROOM = 2**29
"""What a side's process takes beside its rows, bytes."""
FEW = 1_000_000
"""So few rows are a smoke test's, which is not made to wait for memory."""
OVER_RAW = 1.5
"""What a peer's or our rows take while they grow, to their raw bytes, nearly always at most."""
WAYS: Mapping[Insert, tuple[str, Sequence[str]]] = {
    "rows": ("no slots on either side; peers get values that are made already", ("ours", "tfra", "dense_hash_table")),
    "rows_and_step": ("first Adam step included, which makes two slots on both sides", ("ours", "tfra")),
    "rows_and_slots": ("two slots with ours, none with TFRA", ("ours", "tfra")),
}


@dataclass(frozen=True, slots=True)
class Growing:
    """From no rows to so many, so many ids in a call."""

    rows: int
    batch: int
    what: Insert


def fresh(scale: Scale) -> Iterator[Figure]:
    """Compare inserts of fresh ids, each run in a process of its own, so that no memory is left from before."""
    for what, (meaning, sides) in WAYS.items():
        before_after: dict[str, list[str]] = {}

        def run(side: str, _: int, what: Insert = what, before_after: dict[str, list[str]] = before_after) -> float:
            answer = _insert(side, scale, Growing(scale.rows, scale.batch, what))
            kept = [answer[when]["VmRSS"] / MIB for when in ("before", "after")]
            before_after[side] = [f"{value:.0f}" for value in kept]
            return scale.rows / float(sum(answer["seconds"])) / 1e6

        load = machine.load()
        values = interleave({side: partial(run, side) for side in sides}, RUNS)
        memory = ", ".join(f"{side} {' → '.join(resident)}" for side, resident in before_after.items())
        setting = f"{scale}, from empty in a new process, reservoir of memory; {meaning}; RSS MiB {memory}"
        yield compare("insert_fresh", setting, "M ids/s", values, load=load)


def worst(scale: Scale) -> Iterator[Figure]:
    """Look for the worst call of inserts while a table grows: to the median call, and to touching memory alone."""
    setting = (
        f"calls of {SMALL_CALL:,} fresh ids, 0 → {rows_text(scale.grown)} rows, dim {scale.dim}, two slots, "
        f"{threads_text(scale.threads)}"
    )
    growing = Growing(scale.grown, SMALL_CALL, "rows_and_slots")

    def calls(side: str, *, reservoir: bool) -> list[float]:
        return [second * 1e3 for second in _insert(side, scale, growing, reservoir=reservoir)["seconds"]]

    for reservoir, memory in ((True, "reservoir of memory"), (False, "memory as the machine gives it")):
        load = machine.load()
        runs: dict[str, list[list[float]]] = {"ours": [], "first_touch": []}
        for _ in range(RUNS):
            for side, values in runs.items():
                if side == "ours" or not reservoir:
                    values.append(calls(side, reservoir=reservoir))
        median = statistics.median(map(statistics.median, runs["ours"]))
        for name, meaning, worst_of in (
            ("insert_worst_ms", "worst call of a run", each_worst),
            ("insert_worst_repeated_ms", "what a call takes in the median of the runs, of the worst call", repeated),
        ):
            values_of = {side: worst_of(made) for side, made in runs.items() if made}
            about = f"{setting}, {memory}; {meaning}; ratio to the median call of {median:.2f} ms"
            if not reservoir:
                about += "; first_touch: a loop that only touches as much, one thread"
            ratio = statistics.median(values_of["ours"]) / median
            yield compare(name, about, "ms", values_of, load=load, ratio=ratio)


def each_worst(runs: Sequence[Sequence[float]]) -> list[float]:
    """Take the greatest of each run.

    Example:
      >>> each_worst([[1, 5, 90], [2, 6, 1]])
      [90, 6]
    """
    return [max(run) for run in runs]


def repeated(runs: Sequence[Sequence[float]]) -> list[float]:
    """Take from equal runs what comes again at the same call: the greatest of the calls' medians.

    What the machine does to a run, a hypervisor that stops it say, comes elsewhere each time; a table that makes an
    array anew does so at the same row.

    Example:
      >>> repeated([[1, 5, 90], [2, 6, 1], [1, 7, 1]])
      [6]
    """
    return [max(statistics.median(call) for call in zip(*runs, strict=True))]


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


def _insert(side: str, scale: Scale, growing: Growing, *, reservoir: bool = True) -> dict[str, Any]:
    with ExitStack() as stack:
        process = stack.enter_context(start(side, scale.threads))
        if reservoir and growing.rows >= FEW:
            size = round(growing.rows * raw_bytes(scale.dim, 2) * OVER_RAW) + ROOM
            stack.enter_context(Reservoir(size, process.pid))
        return process.ask("insert", dim=scale.dim, **asdict(growing))
