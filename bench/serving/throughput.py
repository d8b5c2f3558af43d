"""Requests and rows a second beside the peers, all servers and the client on the same cores, sides in turn."""

import os
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from bench import machine
from bench.figures import Figure, compare, significant
from bench.rounds import interleave
from bench.serving import load
from bench.serving.programs import program
from bench.serving.scale import ServingScale
from bench.serving.session import Sides, world
from bench.serving.sides import empty, triton

SIZES = (1, 32, 128)
Runs = Mapping[str, Sequence[float]]


def throughput(scale: ServingScale) -> Iterator[Figure]:
    """Measure B = 1, 32 and 128."""
    with world(scale.rows) as made:
        sides = Sides(made, SIZES)
        try:
            for size in SIZES:
                yield _figure(scale, sides, size, made.folded.widths)
        finally:
            sides.close()


def _figure(scale: ServingScale, sides: Sides, size: int, widths: Sequence[int]) -> Figure:
    measured: dict[str, Callable[[int], float]] = {
        name: partial(_rows, sides, name, size, scale.seconds) for name, asked in sides.ways if asked == size
    }
    if size > 1:
        measured["gemm"] = partial(_gemm, size, scale.seconds / 2, widths)
    before = machine.load()
    runs = interleave(measured, scale.runs)
    peers = {"triton": _best(runs, [f"triton {form}" for form in triton.FORMS])}
    if size == 1:
        peers = {"empty": _best(runs, [f"empty {form}" for form in empty.FORMS]), **peers}
    chosen = {"ours": runs["ours"], **{peer: runs[name] for peer, name in peers.items()}}
    if size > 1:
        chosen["gemm"] = runs["gemm"]
    others = ", ".join(
        f"{name} {significant(statistics.median(values), 3):g}"
        for name, values in runs.items()
        if name not in ("ours", "gemm", *peers.values())
    )
    setting = (
        f"{scale.rows:,} rows, requests of {size}, closed loop of {load.CONNECTIONS} connections x {load.STREAMS}, "
        f"client on the same {os.cpu_count()} cores; best of each peer: {', '.join(peers.values())}; else {others}"
    )
    if size == 1:
        return compare("b1_rps", setting, "req/s", chosen, load=before)
    setting += "; gemm: oneDNN's chain alone on one core, nothing beside it"
    return compare(f"b{size}_rows", setting, "rows/s", chosen, load=before)


def _rows(sides: Sides, name: str, size: int, seconds: float, _: int) -> float:
    found = load.closed(sides.ways[name, size], seconds)
    return found.answered * size / found.seconds


def _gemm(size: int, seconds: float, widths: Sequence[int], _: int) -> float:
    command = [str(program("gemm")), str(size), f"{seconds:g}", *(str(width) for width in widths)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603 - ours
    return float(said.stdout)


def _best(runs: Runs, names: Sequence[str]) -> str:
    return max(names, key=lambda name: statistics.median(runs[name]))
