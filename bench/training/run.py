"""How fast a training step is, and how much of it the tables take."""

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from bench import machine
from bench.figures import Figure, compare
from bench.rounds import interleave
from bench.side import ROOT, SideProcess

LOG = ROOT / "build" / "bench" / "logs" / "training.log"


@dataclass(frozen=True, slots=True)
class StepScale:
    """How large the measurement is.

    Attributes:
      batches: samples per step; the first is the demonstration's.
      users: in the stream; items are a tenth.
      threads: of TensorFlow within an op.
      runs: of each figure.
    """

    batches: tuple[int, ...] = (64, 1_024, 4_096)
    users: int = 1_000_000
    threads: int = 2
    runs: int = 7


SMOKE = StepScale(batches=(64,), users=1_000, runs=2)


def steps(scale: StepScale) -> Iterator[Figure]:
    """Measure steps of the demonstration's model with our tables, and with tables that cost nothing."""
    command = [sys.executable, "-m", "bench.training", str(scale.threads)]
    with SideProcess("training", command, {"CUDA_VISIBLE_DEVICES": ""}, LOG) as side:
        for batch in scale.batches:
            side.ask("prepare", batch=batch, users=scale.users)
            load = machine.load()
            seconds = interleave({what: partial(_run, side, what) for what in ("ours", "none")}, scale.runs)
            share = [1 - none / ours for ours, none in zip(seconds["ours"], seconds["none"], strict=True)]
            speed = {"ours": [batch / one for one in seconds["ours"]]}
            took = statistics.median(seconds["ours"]) * 1e3
            setting = f"the demonstration's model, batch {batch}, {scale.threads} threads; a step takes {took:.2f} ms"
            yield compare("step_samples", setting, "samples/s", speed, load=load)
            setting = f"batch {batch}: share of the step that lookup and apply of its five tables take, of 1"
            yield compare("step_table_share", setting, "", {"ours": share}, load=load, ratio=statistics.median(share))


def _run(side: SideProcess, what: str, _: int) -> float:
    return float(side.ask("run", what=what)["value"])
