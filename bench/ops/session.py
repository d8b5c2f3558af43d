"""The processes of a measurement: each side started with the same threads, filled with the same rows."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from types import TracebackType
from typing import Self

from bench import machine, peers
from bench.figures import Figure, compare
from bench.ops.workload import Table, Work
from bench.rounds import interleave
from bench.side import ROOT, SideProcess

LOGS = ROOT / "build" / "bench" / "logs"


def start(side: str, threads: int) -> SideProcess:
    """Start a side's process."""
    python = str(peers.python_of("tfra")) if side == "tfra" else sys.executable
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_USE_LEGACY_KERAS": "1"} if side == "tfra" else {}
    command = [python, "-m", "bench.ops.sides", side, str(threads)]
    return SideProcess(side, command, {"CUDA_VISIBLE_DEVICES": "", **environment}, LOGS / f"{side}.log")


class Session:
    """Sides whose tables are filled.

    Args:
      sides: by the name under which they are reported: which program, and what it fills.
      threads: of each.
    """

    def __init__(self, sides: Mapping[str, tuple[str, Table]], threads: int) -> None:
        self._stack = ExitStack()
        self._sides: dict[str, SideProcess] = {}
        try:
            for name, (program, table) in sides.items():
                self._sides[name] = self._stack.enter_context(start(program, threads))
                self.reopen({name: table})
        except BaseException:
            self._stack.close()
            raise

    def reopen(self, tables: Mapping[str, Table]) -> None:
        """Let sides drop what they have and fill other tables."""
        for name, table in tables.items():
            self._sides[name].ask("open", table=asdict(table))

    def __getitem__(self, side: str) -> SideProcess:
        return self._sides[side]

    def measure(self, figure: str, setting: str, work: Work, sides: Sequence[str], runs: int) -> Figure:
        """Measure throughput, M ids/s, of sides in turn.

        Args:
          figure: its name.
          setting: in words.
          work: of all sides.
          sides: ours and the peers, the one of the ratio first.
          runs: rounds.
        """
        for side in sides:
            self._sides[side].ask("prepare", work=asdict(work))
        load = machine.load()
        values = interleave({side: partial(self._run, side) for side in sides}, runs)
        return compare(figure, setting, "M ids/s", values, load=load)

    def _run(self, side: str, _: int) -> float:
        return float(self._sides[side].ask("run")["value"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()


def filled(names: Sequence[str], table: Table) -> dict[str, tuple[str, Table]]:
    """Return what a session is made of where every side fills the same."""
    return {name: (name, table) for name in names}
