"""The picture of zero rows and AUC over λ."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = {"prox": "#1f6f8b", "dual_averaging": "#c4572e", "published": "#7a7a7a"}


def draw_curve(points: Sequence[Mapping[str, float | str]], path: Path) -> None:
    """Draw AUC over the share of zero rows, a line for each form; medians over seeds with least and greatest.

    Args:
      points: as ``group_lasso_curve`` writes them, of one data set.
      path: an SVG file.
    """
    mpl.rcParams["svg.hashsalt"] = "tandem"  # the same picture has the same bytes
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for form, colour in COLOURS.items():
        curve = summary(points, form)
        if not curve:
            continue
        lambdas = [max(l21, _least(points) / 3) for l21, *_ in curve]
        for axes, ranges in ((left, [zero for _, zero, _ in curve]), (right, [auc for _, _, auc in curve])):
            middle = [median for _, median, _ in ranges]
            around = [[median - least for least, median, _ in ranges], [most - median for _, median, most in ranges]]
            axes.errorbar(lambdas, middle, around, color=colour, marker="o", ms=3, lw=1.2, capsize=2, label=form)
    for axes, name in ((left, "rows that are exactly zero"), (right, "AUC, later samples")):
        axes.set_xscale("log")
        axes.set_xlabel("λ₂₁ (leftmost: 0, the plain optimizer)")
        axes.set_title(name, fontsize=10)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


Range = tuple[float, float, float]


def summary(points: Sequence[Mapping[str, float | str]], form: str) -> list[tuple[float, Range, Range]]:
    """Return λ, and least, median, greatest of the zero share and of the AUC over seeds, by λ."""
    of = [point for point in points if point["form"] == form]
    curve = []
    for l21 in sorted({float(point["l21"]) for point in of}):
        at = [point for point in of if float(point["l21"]) == l21]
        curve.append((l21, _range([float(p["zero"]) for p in at]), _range([float(p["auc"]) for p in at])))
    return curve


def _range(values: Sequence[float]) -> Range:
    return min(values), statistics.median(values), max(values)


def _least(points: Sequence[Mapping[str, float | str]]) -> float:
    return min((float(point["l21"]) for point in points if float(point["l21"]) > 0), default=1.0)
