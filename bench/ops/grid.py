"""Lookups and Adam steps over dim, rows, skew, batch and threads, beside the dense variable and TFRA."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bench.figures import Figure
from bench.ops.scale import rows_text, threads_text
from bench.ops.session import Session, filled
from bench.ops.workload import Skew, Table, Work

SIDES = ("ours", "gather", "tfra")
TRAINED = ("ours", "tfra", "gather")
SKEWS: tuple[Skew, ...] = ("uniform", "80/20")


@dataclass(frozen=True, slots=True)
class Grid:
    """What is varied.

    Attributes:
      dims: floats per row.
      rows: of the table.
      batches: ids per call.
      threads: of every side.
      runs: of each figure.
    """

    dims: Sequence[int] = (16, 8, 32, 64)
    rows: Sequence[int] = (1_000_000, 5_000_000)
    batches: Sequence[int] = (8_192, 65_536, 131_072)
    threads: Sequence[int] = (1, 2)
    runs: int = 5


SMOKE = Grid(dims=(8,), rows=(20_000,), batches=(1_024,), threads=(1,))


def parts(grid: Grid) -> Mapping[str, Callable[[], Iterator[Figure]]]:
    """Return what fills each table of the grid once and measures its places; what most tables are like comes first."""
    tables = [
        (threads, Table(rows, dim)) for dim in grid.dims for threads in reversed(grid.threads) for rows in grid.rows
    ]
    return {_name(*table): partial(_walk, grid, *table) for table in tables}


def _name(threads: int, table: Table) -> str:
    return f"{rows_text(table.rows)} rows, dim {table.dim}, {threads_text(threads)}"


def _walk(grid: Grid, threads: int, table: Table) -> Iterator[Figure]:
    with Session(filled(SIDES, table), threads) as session:
        yield from _places(grid, session, _name(threads, table))


def _places(grid: Grid, session: Session, table: str) -> Iterator[Figure]:
    for batch in grid.batches:
        for skew in SKEWS:
            setting = f"{table}, batch {batch:,}, {skew}"
            yield session.measure("grid_lookup", setting, Work("lookup", skew, batch), SIDES, grid.runs)
            yield session.measure("grid_adam", setting, Work("train", skew, batch), TRAINED, grid.runs)
