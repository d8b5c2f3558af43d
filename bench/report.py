"""BENCHMARKS.md from the files of figures. Rendering is pure; ``python -m bench report`` writes the page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import figures
from bench.figures import Figure
from bench.machine import Run

HEAD = """# Benchmarks

Written by `python -m bench report` from `build/bench/*.json`; not edited by hand. How each figure is measured, and
what the peers are: [bench/README.md](bench/README.md). Medians, with the least and the greatest in brackets. The ratio
in bold is the one that has a goal; ours to each peer is behind it.
"""

NOTHING: Mapping[str, str] = {"cudagraph": "not measured: no GPU"}
"""What stands in the place of a bench's table where it measured nothing."""


def page(results: Sequence[tuple[Run, Sequence[Figure]]]) -> str:
    """Render the page.

    Args:
      results: by bench, in the order of the page.

    Returns:
      Markdown.
    """
    return "\n".join([HEAD, *(section(run, found) for run, found in results)])


def section(run: Run, found: Sequence[Figure]) -> str:
    """Render one bench: where from, and its table."""
    load = " / ".join(f"{value:.2f}" for value in run.load)
    lines = [
        f"## {run.name}",
        "",
        f"`{run.command}` · {run.date} · commit {run.commit} · {run.machine} · load average at the start {load}",
        "",
        *(_table(found, run.commit) if found else [NOTHING.get(run.name, "not measured")]),
        "",
    ]
    return "\n".join(lines)


def _table(found: Sequence[Figure], commit: str) -> list[str]:
    head = ["| figure | setting | ours | peers | ratio | runs | load |", "|---|---|---|---|---|---|---|"]
    return [*head, *(_line(figure, commit) for figure in found)]


def _line(figure: Figure, commit: str) -> str:
    older = "" if figure.commit in ("", commit) else f"; measured before, on commit {figure.commit}"
    unit = f" {figure.unit}" if figure.unit else ""
    peers = [f"{peer} {_value(value, figure.spread.get(peer))}" for peer, value in figure.peers.items()]
    ratio = "-" if figure.ratio is None else f"**{figure.ratio:g}**"
    others = [
        f"{peer} {figures.significant(figure.ours / value, 3):g}" for peer, value in figure.peers.items() if value
    ]
    compared = f"{ratio} ({', '.join(others)})" if len(others) > 1 else ratio
    ours = _value(figure.ours, figure.spread.get("ours"))
    cells = [figure.figure, figure.setting + older, f"**{ours}**{unit}", "<br>".join(peers) or "-", compared]
    return f"| {' | '.join(cells)} | {figure.runs} | {figure.load:g} |"


def _value(median: float, spread: Sequence[float] | None) -> str:
    return f"{median:g}" if spread is None else f"{median:g} ({spread[0]:g} … {spread[1]:g})"


def read_run(path: Path) -> Run:
    """Read where a file of figures comes from."""
    entry: Mapping[str, object] = json.loads(path.read_text())
    return Run(**{**entry, "load": tuple(entry["load"])})  # type: ignore[arg-type] # our own file


def write_run(path: Path, run: Run) -> None:
    """Write where a file of figures comes from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(run), indent=1, ensure_ascii=False) + "\n")


def write_page(folder: Path, page_path: Path) -> None:
    """Write the page of all benches whose figures are in a folder."""
    runs = sorted(folder.glob("*.run.json"))
    results = [(read_run(run), figures.read(run.with_name(run.name.replace(".run.json", ".json")))) for run in runs]
    page_path.write_text(page(results))
