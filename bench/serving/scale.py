"""How large the measurements of serving are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServingScale:
    """Sizes of a run of the bench.

    Attributes:
      rows: of the table.
      runs: of each figure of throughput, interleaved.
      seconds: that a run of throughput lasts.
      pairs: of quiet and busy phases for tail latencies.
      phase: seconds that such a phase lasts.
      rate: requests a second in open loops.
      asked_rows: rows of each of them.
      swap_rows: of the table where swaps are measured.
      swaps: full swaps whose P99 and memory are measured, per share of changed rows.
      updates: while every answer is recomputed.
      full_swaps: among them.
      creep: updates over which memory must not grow.
    """

    rows: int = 1_000_000
    runs: int = 5
    seconds: float = 2.0
    pairs: int = 10
    phase: float = 10.0
    rate: float = 1000.0
    asked_rows: int = 8
    swap_rows: int = 4_000_000
    swaps: int = 3
    updates: int = 1000
    full_swaps: int = 10
    creep: int = 5000


SMOKE = ServingScale(
    rows=20_000, swap_rows=20_000, runs=2, seconds=0.3, pairs=2, phase=3.0, swaps=1, updates=20, full_swaps=2, creep=30
)
"""Shows that everything runs; its figures mean nothing."""
