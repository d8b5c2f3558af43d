"""The bench: exports the dense function, runs it with JAX where there is a GPU, and makes figures of it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench import machine, peers, report
from bench.figures import Figure, significant
from bench.side import ROOT, SideFailed

FOLDER: Final = ROOT / "build" / "bench" / "cudagraph"
RUNNER: Final = Path(__file__).with_name("runner.py")
Line = Mapping[str, Any]


def parts(*, smoke: bool) -> Mapping[str, Callable[[], Iterator[Figure]]]:
    """Return what the bench consists of."""
    return {"graphs": lambda: graphs(smoke=smoke)}


def graphs(*, smoke: bool) -> Iterator[Figure]:
    """Measure every batch size in every mode; without a GPU say so, and measure nothing.

    Raises:
      SideFailed: the runner found wrong answers, or does not run.
    """
    if not has_gpu():
        sys.stdout.write(f"cudagraph {report.NOTHING['cudagraph']}; run it on a machine where nvidia-smi lists one\n")
        return
    from bench.cudagraph.export import write  # noqa: PLC0415 - loads TensorFlow into this process

    write(FOLDER)
    words = [str(peers.python_of("cudagraph")), str(RUNNER), str(FOLDER), "--seconds", "0.1" if smoke else "2"]
    ended = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own arguments
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    if ended.returncode != 0:
        raise SideFailed(f"the runner ended with {ended.returncode}: {lines[-1:]}")
    yield from figures(lines, machine.load())


def has_gpu() -> bool:
    """Whether the driver lists a GPU."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:
        return False
    return listed.returncode == 0 and "GPU" in listed.stdout


def figures(lines: Sequence[Line], load: float) -> Iterator[Figure]:
    """Make figures of what the runner printed: rows a second and P99, all in one graph beside the other modes."""
    found = {(line["rows"], line["changing"], line["mode"]): line for line in lines if "p50" in line}
    for rows, changing in sorted({(rows, changing) for rows, changing, _ in found}):
        sides = {mode: line for (r, c, mode), line in found.items() if (r, c) == (rows, changing)}
        whole, off = sides["whole"], sides["off"]
        weights = "weights change every 50 calls" if changing else "steady weights"
        name = f"graph_on_off_b{rows}" + ("_changing" if changing else "")
        speed = {mode: significant(rows * 1e6 / line["mean"]) for mode, line in sides.items()}
        yield Figure(
            name,
            f"{rows} rows, {weights}, {whole['calls']} calls, {whole['device']}",
            "rows/s",
            speed["whole"],
            {mode: value for mode, value in speed.items() if mode != "whole"},
            significant(off["mean"] / whole["mean"], 3),
            1,
            {},
            load,
        )
        yield Figure(
            f"{name}_p99_us",
            f"{rows} rows, {weights}",
            "µs",
            significant(whole["p99"]),
            {mode: significant(line["p99"]) for mode, line in sides.items() if mode != "whole"},
            significant(whole["p99"] / off["p99"], 3),
            1,
            {},
            load,
        )
