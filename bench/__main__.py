"""``python -m bench``: measure, or write BENCHMARKS.md from what was measured."""

import argparse
import os
import shlex
import sys
from dataclasses import replace

from bench import figures, machine, report
from bench.ops import run as ops
from bench.ops.scale import SMOKE, Scale
from bench.side import ROOT

FOLDER = ROOT / "build" / "bench"
PAGE = ROOT / "BENCHMARKS.md"


def main() -> int:
    """Run the command line; 1 if a figure could not be measured."""
    options = _options()
    if options.name == "report":
        report.write_page(FOLDER, PAGE)
        return 0
    scale = replace(
        SMOKE if options.smoke else Scale(),
        **{
            k: v for k, v in vars(options).items() if v is not None and k in ("threads", "rows", "dim", "batch", "runs")
        },
    )
    name = "ops-smoke" if options.smoke else "ops"
    origin = machine.describe(name, _command())
    found, failed = ops.measure(scale, options.only or list(ops.PARTS))
    if options.smoke:
        return int(bool(failed))
    if options.only:
        measured = {figure.figure for figure in found}
        path = FOLDER / f"{name}.json"
        found = [f for f in (figures.read(path) if path.exists() else []) if f.figure not in measured] + found
    figures.write(FOLDER / f"{name}.json", found)
    report.write_run(FOLDER / f"{name}.run.json", origin)
    report.write_page(FOLDER, PAGE)
    return int(bool(failed))


def _command() -> str:
    told = os.environ.get("BENCH_COMMAND")
    return told or shlex.join(["python", "-m", "bench", *sys.argv[1:]])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=["ops", "report"], help="what to measure; report: write BENCHMARKS.md only")
    parser.add_argument("--only", nargs="+", choices=list(ops.PARTS), help="parts; the other figures stay as they were")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, nothing written: does everything run?")
    for name, meaning in (
        ("rows", "of a table"),
        ("dim", "floats per row"),
        ("batch", "ids per call"),
        ("threads", "of every side"),
        ("runs", "of each figure"),
    ):
        parser.add_argument(f"--{name}", type=int, help=meaning)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
