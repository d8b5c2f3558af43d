"""Tail latencies of lookups beside other work, and deltas: ours against itself and against a plain copy."""

import statistics
from collections.abc import Iterator, Sequence

from bench import machine
from bench.figures import Figure, compare, significant
from bench.ops.scale import Scale, rows_text
from bench.ops.session import start
from bench.ops.workload import raw_bytes

WORKS = {
    "snapshot": ("MB/s of snapshots", 1e-6),
    "growth": ("fresh ids a second", 1.0),
    "eviction": ("rows swept a second", 1.0),
}
DIRTY = 0.01


def tails(scale: Scale) -> Iterator[Figure]:
    """Measure P99 of lookups in an open loop at half load on one thread: beside other work to quiet."""
    for mode, (what, factor) in WORKS.items():
        with start("ours", 1) as side:
            load = machine.load()
            answer = side.ask(
                "latency", mode=mode, rows=scale.rows, dim=scale.dim, pairs=scale.pairs, phase=scale.phase
            )
        ratios, quiet = ratios_of(answer["given"])
        wall, quiet_wall = ratios_of(answer["wall"])
        setting = (
            f"{rows_text(scale.rows)} rows, dim {scale.dim}, 1 thread, open loop at 50 % load, one lookup per "
            f"{answer['period'] * 1e3:.2f} ms; quiet P99 {quiet * 1e3:.2f} ms; {answer['work'] * factor:,.0f} {what}; "
            f"with what the hypervisor stole {statistics.median(wall):.2f} x, quiet P99 {quiet_wall * 1e3:.2f} ms"
        )
        median = statistics.median(ratios)
        yield compare(f"lookup_p99_{mode}_ratio", setting, "x", {"ours": ratios}, load=load, ratio=median)


def ratios_of(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], float]:
    """Return busy to quiet of each pair, and the median of the quiet ones.

    Example:
      >>> ratios_of([(1.0, 2.0), (2.0, 3.0), (4.0, 4.0)])
      ([2.0, 1.5, 1.0], 2.0)
    """
    return [busy / quiet for quiet, busy in pairs], statistics.median(quiet for quiet, _ in pairs)


def deltas(scale: Scale) -> Iterator[Figure]:
    """Compare cutting a delta with copying its rows."""
    with start("ours", scale.threads) as side:
        load = machine.load()
        answer = side.ask("delta", rows=scale.rows, dim=scale.dim, share=DIRTY, runs=scale.runs)
    copied = significant(statistics.median(answer["copy"]) * 1e3, 3)
    for kind, what in (("columns", "columns sorted by key"), ("blocks", "blocks with SHA-256")):
        ratios = [cut / copy for cut, copy in zip(answer[kind], answer["copy"], strict=True)]
        setting = f"{DIRTY:.0%} of {rows_text(scale.rows)} rows, dim {scale.dim}, 2 slots, {what}; copy {copied} ms"
        yield compare("delta_time_ratio", setting, "x", {"ours": ratios}, load=load, ratio=statistics.median(ratios))
    share = answer["bytes"] / (answer["rows"] * raw_bytes(scale.dim, 2))
    setting = f"{answer['rows']:,} rows, dim {scale.dim}, 2 slots; blocks to key, row, slots, counters"
    yield compare("delta_bytes_ratio", setting, "x", {"ours": [share]}, load=load, ratio=share)
