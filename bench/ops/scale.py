"""How large the measurements are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of a run of the bench.

    Attributes:
      rows: of a filled table.
      dim: floats per row.
      batch: ids per call.
      threads: of TensorFlow within an op.
      runs: of each figure, interleaved.
      grown: rows that a table grows to from empty where the worst call is looked for.
      pairs: of quiet and busy phases for tail latencies.
      phase: seconds that a phase lasts.
    """

    rows: int = 4_000_000
    dim: int = 16
    batch: int = 65_536
    threads: int = 2
    runs: int = 7
    grown: int = 10_000_000
    pairs: int = 10
    phase: float = 2.0

    def __str__(self) -> str:
        return f"{rows_text(self.rows)} rows, dim {self.dim}, batch {self.batch:,}, {threads_text(self.threads)}"


SMOKE = Scale(rows=20_000, batch=2_048, runs=5, grown=50_000, pairs=2, phase=0.2)
"""Shows in two minutes that everything runs; its figures mean nothing."""


def rows_text(rows: int) -> str:
    """Write a number of rows.

    Example:
      >>> rows_text(4_000_000), rows_text(20_000)
      ('4 M', '20,000')
    """
    return f"{rows / 1e6:g} M" if rows % 100_000 == 0 else f"{rows:,}"


def threads_text(threads: int) -> str:
    """Write a number of threads."""
    return "1 thread" if threads == 1 else f"{threads} threads"
