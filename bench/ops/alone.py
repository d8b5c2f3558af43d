"""Deltas: ours against a plain copy."""

import statistics
from collections.abc import Iterator

from bench import machine
from bench.figures import Figure, compare, significant
from bench.ops.scale import Scale, rows_text
from bench.ops.session import start
from bench.ops.workload import raw_bytes

DIRTY = 0.01


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
