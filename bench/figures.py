"""A figure: what was measured, ours beside the peers, with its spread. Pure."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of ``build/bench/NAME.json``.

    Attributes:
      figure: its name.
      setting: sizes, threads, what is meant by ours and the ratio where that is not plain.
      unit: of ours and the peers.
      ours: median over the runs.
      peers: medians by peer.
      ratio: ours to the first peer, run by run, the median of them; where ours is itself a ratio, that one.
      runs: how many medians are over.
      spread: least and greatest by side, ours as "ours".
      load: the machine's load average over one minute when the first run began.
      commit: of the checkout that it was measured on; "" until it is written.
      part: of its bench that measured it; "" until it is written.
    """

    figure: str
    setting: str
    unit: str
    ours: float
    peers: Mapping[str, float]
    ratio: float | None
    runs: int
    spread: Mapping[str, Sequence[float]]
    load: float
    commit: str = ""
    part: str = ""


def significant(value: float, digits: int = 4) -> float:
    """Round to significant digits.

    Example:
      >>> significant(12.34567), significant(0.000123456)
      (12.35, 0.0001235)
    """
    return float(f"{value:.{digits}g}")


def compare(  # noqa: PLR0913 - a figure's columns
    figure: str,
    setting: str,
    unit: str,
    runs: Mapping[str, Sequence[float]],
    *,
    load: float,
    ratio: float | None = None,
) -> Figure:
    """Make a figure of the runs of each side.

    Args:
      figure: its name.
      setting: see :class:`Figure`.
      unit: of all runs.
      runs: values by side, "ours" and then the peers, the one of the ratio first; the i-th values of all sides were
        measured one after the other.
      load: see :class:`Figure`.
      ratio: in place of ours to the first peer.

    Raises:
      ValueError: there are no runs of ours, or a side has another number of them.

    Example:
      >>> compare("f", "s", "M ids/s", {"ours": [4.0, 6.0, 5.0], "gather": [2.0, 3.0, 5.0]}, load=0.1).ratio
      2.0
    """
    ours = runs.get("ours", [])
    if not ours or any(len(values) != len(ours) for values in runs.values()):
        raise ValueError(f"{figure}: sides have { ({side: len(values) for side, values in runs.items()}) } runs")
    peers = [side for side in runs if side != "ours"]
    if ratio is None and peers:
        ratio = statistics.median(a / b for a, b in zip(ours, runs[peers[0]], strict=True))
    return Figure(
        figure=figure,
        setting=setting,
        unit=unit,
        ours=significant(statistics.median(ours)),
        peers={side: significant(statistics.median(runs[side])) for side in peers},
        ratio=None if ratio is None else significant(ratio, 3),
        runs=len(ours),
        spread={side: [significant(min(values)), significant(max(values))] for side, values in runs.items()},
        load=round(load, 2),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the least value that at least so many percent of the values do not exceed.

    Args:
      values: at least one.
      percent: in (0, 100].

    Example:
      >>> percentile([5.0, 1.0, 2.0, 4.0, 3.0], 50), percentile(list(range(1, 101)), 99)
      (3.0, 99)
    """
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # the ceiling
    return ordered[max(int(rank), 1) - 1]


def renewed(kept: Sequence[Figure], found: Sequence[Figure], parts: Sequence[str]) -> list[Figure]:
    """Put what was found in place of what parts had under the same names, all in the order of parts.

    Args:
      kept: of earlier runs.
      found: of this one, each with its part.
      parts: of the bench, in order; what an unknown part measured comes first.

    Example:
      >>> def of(part, name, ours):
      ...     return Figure(name, "", "ms", ours, {}, None, 1, {}, 0.0, part=part)
      >>> kept = [of("b", "p99", 1.0), of("a", "p99", 2.0), of("a", "rows", 3.0)]
      >>> [(each.part, each.ours) for each in renewed(kept, [of("a", "p99", 4.0)], ["a", "b"])]
      [('a', 3.0), ('a', 4.0), ('b', 1.0)]
    """
    measured = {(figure.part, figure.figure) for figure in found}
    both = [*(figure for figure in kept if (figure.part, figure.figure) not in measured), *found]
    places = {part: place for place, part in enumerate(parts)}
    return sorted(both, key=lambda figure: places.get(figure.part, -1))


def write(path: Path, figures: Sequence[Figure]) -> None:
    """Write figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> list[Figure]:
    """Read what :func:`write` wrote."""
    return [Figure(**entry) for entry in json.loads(path.read_text())]
