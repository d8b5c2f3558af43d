"""Tail latencies of lookups beside other work, as ``native/tails.cc`` saw them: ours busy against ours quiet."""

import json
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import machine
from bench.figures import Figure, compare, percentile
from bench.ops.scale import Scale, rows_text
from bench.programs import CORE, compiled, said
from bench.side import SideFailed

NATIVE = Path(__file__).parent / "native"
WORKS = {
    "snapshot": ("snapshot", "MB/s of full snapshots as blocks with SHA-256, one begun with each phase", 1e-6),
    "sweep": ("eviction", "places swept a second, of which some rows leave", 1.0),
    "growth": ("growth", "fresh ids a second", 1.0),
}
"""What goes on beside the lookups, growth last since it leaves a larger table: the figure's name, its work in words and
the factor to their unit."""
_FLAGS = ("-O3", "-DNDEBUG", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-fvisibility=hidden")
"""As training_image/ops/CMakeLists.txt has them for the wheel."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Latencies of a phase, seconds from when a lookup was due to when it was answered.

    Attributes:
      half: P50 without what the hypervisor stole.
      given: P99 without what the hypervisor stole.
      wall: P99 by the clock on the wall.
    """

    half: float
    given: float
    wall: float


def tails(scale: Scale) -> Iterator[Figure]:
    """Measure P99 of lookups in an open loop at half load on one thread: beside other work to quiet.

    Raises:
      SideFailed: the program does not compile, or ended.
    """
    load = machine.load()
    try:
        seen = json.loads(said(str(program()), *map(str, (scale.rows, scale.dim, scale.pairs, scale.phase)), *WORKS))
    except subprocess.CalledProcessError as error:
        raise SideFailed(f"tails: {error.stderr.strip()}") from error
    for name, (figure, what, factor) in WORKS.items():
        work = seen["works"][name]
        pairs = [
            (tail(pair["quiet"], seen["period_ns"]), tail(pair["busy"], seen["period_ns"])) for pair in work["pairs"]
        ]
        rate = work["per_second"] * factor
        setting = (
            f"the core alone, {rows_text(scale.rows)} rows, dim {scale.dim}, 2 slots, open loop at half load: "
            f"4,096 ids found and stamped each {seen['period_ns'] * 1e-6:.2f} ms; {rate:,.0f} {what}; {in_words(pairs)}"
        )
        ratios = [busy.given / quiet.given for quiet, busy in pairs]
        median = statistics.median(ratios)
        yield compare(f"lookup_p99_{figure}_ratio", setting, "x", {"ours": ratios}, load=load, ratio=median)


def program() -> Path:
    """Return the program that measures; the first call compiles it with the tables' core.

    Raises:
      subprocess.CalledProcessError: it does not compile; ``make packages`` installs what it needs.
    """
    sources = [*sorted(NATIVE.glob("*.cc")), *sorted((CORE / "core").glob("*.cc"))]
    headers = [*sorted(NATIVE.glob("*.h")), *sorted((CORE / "core").glob("*.h"))]
    return compiled("tails", sources, read=headers, flags=_FLAGS, linked=["-lcrypto"])


def tail(phase: Mapping[str, Any], period: int) -> Tail:
    """Return the latencies of what a phase saw of its lookups.

    Args:
      phase: of what the program printed, nanoseconds: ``wall``, from due to answered, and ``service``, what each
        lookup took without what was stolen.
      period: between lookups, nanoseconds.

    Example:
      >>> tail({"wall": [900, 1500], "service": [500, 1500]}, 1000)
      Tail(half=5e-07, given=1.5e-06, wall=1.5e-06)
    """
    given = queued(phase["service"], period)
    return Tail(
        *(percentile(values, percent) / 1e9 for values, percent in ((given, 50), (given, 99), (phase["wall"], 99)))
    )


def queued(services: Sequence[float], period: float) -> list[float]:
    """Return from due to answered, where calls are due every period, wait for one another, and take so long themselves.

    Example:
      >>> queued([0.5, 2.5, 0.5], 1.0)
      [0.5, 2.5, 2.0]
    """
    latencies: list[float] = []
    behind = 0.0
    for service in services:
        latencies.append(behind + service)
        behind = max(0.0, latencies[-1] - period)
    return latencies


def in_words(pairs: Sequence[tuple[Tail, Tail]]) -> str:
    """Write medians over pairs of a quiet and a busy phase.

    Example:
      >>> in_words([(Tail(1e-4, 2e-4, 3e-4), Tail(2e-4, 4e-4, 9e-4))])
      'P50 0.10 → 0.20 ms, P99 0.20 → 0.40 ms; with what the hypervisor stole P99 0.30 → 0.90 ms, 3.00 x'
    """
    half, given, wall = (
        " → ".join(f"{statistics.median(getattr(pair[side], what) for pair in pairs) * 1e3:.2f}" for side in range(2))
        for what in ("half", "given", "wall")
    )
    ratio = statistics.median(busy.wall / quiet.wall for quiet, busy in pairs)
    return f"P50 {half} ms, P99 {given} ms; with what the hypervisor stole P99 {wall} ms, {ratio:.2f} x"
