"""The picture of what admission rules lose, over the rows that they make."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

MARKS = {
    "CountAtLeast": ("#7a7a7a", "s"),
    "Bernoulli": ("#9a7fb5", "^"),
    "Poisson": ("#c4572e", "D"),
    "GammaPoisson": ("#1f6f8b", "o"),
}


def draw_tradeoff(outcomes: Sequence[Mapping[str, float | str]], path: Path) -> None:
    """Draw lost events over rows, sketch included, medians over seeds; the corner of the goal is shaded.

    Hollow marks: other sketches than 512 KiB, and draws.

    Args:
      outcomes: as ``admission_simulation`` writes them.
      path: an SVG file.
    """
    mpl.rcParams["svg.hashsalt"] = "tandem"  # the same picture has the same bytes
    every = _medians(outcomes, "Every")[0][1]
    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for rule, (colour, marker) in MARKS.items():
        for told, rows, lost in _medians(outcomes, rule):
            aside = told == "draw" or ", sketch" in told
            share = 100 * rows / every
            axes.plot(share, lost, marker, color=colour, ms=5, mfc="white" if aside else colour, label=rule)
            below = aside or rule == "Poisson"
            words = told.rpartition("sketch ")[2] if aside else told
            axes.annotate(
                words, (share, lost), textcoords="offset points", xytext=(4, -9 if below else 3), fontsize=6.5
            )
    axes.fill_between([0, 25], 0.05, 0.6, color="#1f6f8b", alpha=0.1, lw=0)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0.1)
    axes.set_xlabel("rows and sketch, % of the rows that no filter makes")
    axes.set_ylabel("events of useful ids lost, %")
    axes.grid(alpha=0.3, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    handles, names = axes.get_legend_handles_labels()
    first = {name: handle for handle, name in zip(reversed(handles), reversed(names), strict=True)}
    axes.legend(
        [first[rule] for rule in MARKS if rule in first], [r for r in MARKS if r in first], frameon=False, fontsize=8
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _medians(outcomes: Sequence[Mapping[str, float | str]], rule: str) -> list[tuple[str, float, float]]:
    medians = []
    for told in dict.fromkeys(str(o["told"]) for o in outcomes if o["rule"] == rule):
        of = [o for o in outcomes if (o["rule"], o["told"]) == (rule, told)]
        rows = statistics.median(float(o["rows"]) + float(o["sketch_rows"]) for o in of)
        medians.append((told, rows, statistics.median(100 * float(o["lost"]) for o in of)))
    return medians
