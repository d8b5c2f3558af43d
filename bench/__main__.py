"""``python -m bench``: measure, or write BENCHMARKS.md from what was measured."""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from bench import figures, machine, report
from bench.cudagraph import run as cudagraph
from bench.figures import Figure
from bench.ops import agreement, alone, growth, tails, throughput
from bench.ops import grid as ops_grid
from bench.ops import scale as ops_scale
from bench.ops.scale import Scale
from bench.side import ROOT, SideFailed
from bench.training import run as training

FOLDER = ROOT / "build" / "bench"
PAGE = ROOT / "BENCHMARKS.md"
Part = Callable[[], Iterator[Figure]]


def main() -> int:
    """Run the command line; 1 if a figure could not be measured."""
    options = _options()
    names = {"all": ["ops", "training", "serving", "cudagraph"], "ops": ["ops-grid" if options.grid else "ops"]}.get(
        options.name, [options.name]
    )
    failed = False
    if options.name != "report":
        for name in names:
            failed |= _measure(name, options)
    if not options.smoke:
        report.write_page(FOLDER, PAGE)
    return int(failed)


def parts(name: str, options: argparse.Namespace) -> Mapping[str, Part]:
    """Return what a bench consists of, in order."""
    if name == "training":
        steps = training.SMOKE if options.smoke else training.StepScale()
        return {"steps": lambda: training.steps(steps)}
    if name == "serving":
        from bench.serving import run as serving  # noqa: PLC0415 - loads TensorFlow into this process

        return serving.parts(serving.SMOKE if options.smoke else serving.ServingScale())
    if name == "cudagraph":
        return cudagraph.parts(smoke=options.smoke)
    if name == "ops-grid":
        grid = ops_grid.SMOKE if options.smoke else ops_grid.Grid(dims=options.dims or ops_grid.Grid().dims)
        return ops_grid.parts(grid)
    told = {what: getattr(options, what) for what in ("rows", "dim", "batch", "threads", "runs")}
    scale = replace(
        ops_scale.SMOKE if options.smoke else Scale(), **{what: value for what, value in told.items() if value}
    )
    return {
        "agreement": lambda: _agree(scale),
        "known": lambda: throughput.known(scale),
        "group_lasso": lambda: throughput.group_lasso(scale),
        "grouped": lambda: throughput.grouped(scale),
        "fresh": lambda: growth.fresh(scale),
        "worst": lambda: growth.worst(scale),
        "bytes_per_row": lambda: growth.bytes_per_row(scale),
        "tails": lambda: tails.tails(scale),
        "deltas": lambda: alone.deltas(scale),
        "admission": lambda: _admission(smoke=options.smoke),
    }


def _measure(name: str, options: argparse.Namespace) -> bool:
    """Measure a bench and write its figures; whether a part failed."""
    command = os.environ.get("BENCH_COMMAND") or shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    origin = machine.describe(name, command)
    known = parts(name, options)
    if unknown := set(options.only or ()) - set(known):
        raise SystemExit(f"{name} has no part {', '.join(sorted(unknown))}; it has {', '.join(known)}")
    chosen = {part: run for part, run in known.items() if part in (options.only or [part])}
    begin = time.monotonic()
    path = FOLDER / f"{name}.json"
    kept = figures.read(path) if options.only and path.exists() else []
    found: list[Figure] = []
    failed = False
    for part, run in chosen.items():
        try:
            for figure in run():
                found.append(replace(figure, commit=origin.commit, part=part))
                _say(f"{time.monotonic() - begin:5.0f} s  {_line(figure)}")
        except SideFailed as error:
            failed = True
            _say(f"{time.monotonic() - begin:5.0f} s  {part}: {error}")
        if not options.smoke:  # after each part, so that a run that is ended keeps what it has measured
            figures.write(path, figures.renewed(kept, found, list(known)))
            report.write_run(FOLDER / f"{name}.run.json", origin)
    return failed


def _admission(*, smoke: bool) -> Iterator[Figure]:
    from bench.ops.admission_simulation import Simulation, figures  # noqa: PLC0415 - loads TensorFlow into this process

    if smoke:
        return figures(Simulation(events=20_000, ids=4_000, batch=256), range(1))
    return figures(Simulation(), range(5))


def _agree(scale: Scale) -> Iterator[Figure]:
    """Stop unless all sides compute the same; no figure comes of it."""
    off = agreement.check(scale.threads)
    _say("all sides agree: " + ", ".join(f"{what} {difference:.1e}" for what, difference in off.items()))
    yield from ()


def _line(figure: Figure) -> str:
    peers = "  ".join(f"{peer} {value:g}" for peer, value in figure.peers.items())
    return f"{figure.figure:28} {figure.ours:g} {figure.unit:8} {peers}  ratio {figure.ratio}  ({figure.setting})"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "name",
        choices=["all", "ops", "training", "serving", "cudagraph", "report"],
        help="report: write BENCHMARKS.md only",
    )
    parser.add_argument("--only", nargs="+", help="parts; the figures of the others stay as they were")
    parser.add_argument(
        "--grid", action="store_true", help="ops: the whole grid instead, an hour or more; a page section of its own"
    )
    parser.add_argument("--dims", type=int, nargs="+", help="of the grid")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, nothing written: does everything run?")
    sizes = {
        "rows": "of a table",
        "dim": "floats per row",
        "batch": "ids per call",
        "threads": "of a side",
        "runs": "rounds",
    }
    for name, meaning in sizes.items():
        parser.add_argument(f"--{name}", type=int, help=f"ops: {meaning}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
