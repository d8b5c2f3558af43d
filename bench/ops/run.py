"""All figures of the elastic tables, one after the other."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.figures import Figure
from bench.ops import agreement, alone, growth, throughput
from bench.ops.scale import Scale
from bench.side import SideFailed

PARTS: Mapping[str, Callable[[Scale], Iterator[Figure]]] = {
    "known": throughput.known,
    "group_lasso": throughput.group_lasso,
    "grouped": throughput.grouped,
    "fresh": growth.fresh,
    "worst": growth.worst,
    "bytes_per_row": growth.bytes_per_row,
    "tails": alone.tails,
    "deltas": alone.deltas,
}


def measure(scale: Scale, parts: Sequence[str]) -> tuple[list[Figure], list[str]]:
    """Check that all sides agree, then measure.

    Args:
      scale: sizes.
      parts: which of ``PARTS``.

    Returns:
      The figures; and what could not be measured, in sentences.
    """
    begin = time.monotonic()
    say(f"all sides agree: {', '.join(f'{what} {off:.1e}' for what, off in agreement.check(scale.threads).items())}")
    found: list[Figure] = []
    failed: list[str] = []
    for name in parts:
        try:
            for figure in PARTS[name](scale):
                found.append(figure)
                say(f"{time.monotonic() - begin:5.0f} s  {line(figure)}")
        except SideFailed as error:
            failed.append(f"{name}: {error}")
            say(failed[-1])
    return found, failed


def line(figure: Figure) -> str:
    """Write a figure for a terminal."""
    peers = "  ".join(f"{peer} {value:g}" for peer, value in figure.peers.items())
    return f"{figure.figure:28} {figure.ours:g} {figure.unit:8} {peers}  ratio {figure.ratio}  ({figure.setting})"


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
