"""The report as a picture: AUC of CTR and CVR and the freshness of answers over time, with swaps marked."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from e2e.demo.evidence import Evidence, Findings

CLOSE_MS = 12_000
INK, FAINT = "#333333", "#999999"
COLORS = {"served": "#0b6e4f", "frozen": "#b5446e", "truth": "#888888"}
NAMES = {"served": "served, live-updated", "frozen": "frozen base", "truth": "truth's own"}


def draw(path: Path, seen: Evidence, found: Findings) -> None:
    """Write the picture as PNG."""
    figure, (ctr, cvr, fresh) = plt.subplots(3, 1, figsize=(10, 9), sharex=True, height_ratios=(3, 3, 2))
    _aucs(ctr, seen, found, "CTR")
    _aucs(cvr, seen, found, "CVR")
    _freshness(fresh, seen, found)
    for axes in (ctr, cvr, fresh):
        _marks(axes, seen, found, named=axes is ctr)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#eeeeee")
    figure.legend(*ctr.get_legend_handles_labels(), loc="upper right", ncols=3, frameon=False, fontsize=9)
    fresh.set_xlabel("seconds since the stream went live", color=INK)
    figure.suptitle(f"Tandem: {seen.source}", x=0.01, ha="left", color=INK)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _seconds(seen: Evidence, at_ms: float) -> float:
    return (at_ms - seen.moments.live) / 1000


def _aucs(axes: Axes, seen: Evidence, found: Findings, task: str) -> None:
    times = [_seconds(seen, (window.start_ms + window.end_ms) / 2) for window in found.windows]
    for judge in ("truth", "frozen", "served"):
        values = [(window.ctr if task == "CTR" else window.cvr).get(judge) for window in found.windows]
        if any(value is not None for value in values):
            shown = [np.nan if value is None else value for value in values]
            axes.plot(
                times,
                shown,
                color=COLORS[judge],
                marker="o",
                markersize=3,
                linestyle="--" if judge == "truth" else "-",
                label=NAMES[judge],
            )
    axes.set_ylabel(f"AUC of {task}", color=INK)


def _freshness(axes: Axes, seen: Evidence, found: Findings) -> None:
    if found.staleness:
        at = [_seconds(seen, when) for when, _ in found.staleness]
        axes.plot(at, [seconds for _, seconds in found.staleness], ".", color=COLORS["served"], markersize=1.5)
        axes.set_ylim(bottom=0)
    axes.axhline(seen.freshness_target, color=FAINT, linestyle=":", linewidth=1)
    axes.set_ylabel("freshness of\nanswers (s)", color=INK)


def _marks(axes: Axes, seen: Evidence, found: Findings, *, named: bool) -> None:
    marks = [(at, f"base {base}", INK) for at, base in found.swaps[1:]]
    if seen.moments.promotion is not None:
        marks.append((seen.moments.promotion, "promotion", COLORS["frozen"]))
    if seen.moments.mode_change is not None:
        marks.append((seen.moments.mode_change, "mode: Daily", COLORS["served"]))
    last = -np.inf
    for at, name, color in sorted(marks):
        axes.axvline(_seconds(seen, at), color=color, linewidth=0.8, alpha=0.6)
        # Names of marks that are close would lie over each other.
        height = 1.16 if at - last < CLOSE_MS else 1.01
        last = at
        if named:
            axes.text(
                _seconds(seen, at),
                height,
                f" {name}",
                transform=axes.get_xaxis_transform(),
                rotation=35,
                fontsize=8,
                color=color,
                va="bottom",
            )
