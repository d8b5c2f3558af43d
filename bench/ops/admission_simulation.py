"""What admission rules save and what they lose: ``python -m bench.ops.admission_simulation``.

Events of ids by Zipf's law go through a HashVariable, a batch for each call. An id is useful if it comes θ times in the
whole run; an event of a useful id is lost if it found no row. A rule's sketch counts as rows of its size.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tandem_ops
import tensorflow as tf
from tandem_ops import Admission, Bernoulli, CountAtLeast, Every, GammaPoisson, Poisson

from bench import machine
from bench.figures import Figure, compare
from bench.ops.admission_picture import draw_tradeoff
from bench.side import ROOT

ROW_BYTES = 8 + 16 * 4 * 3
"""A key, and a row of dim 16 with two slots; without a table's own columns, so that a sketch counts for more."""
SKETCH_BYTES = 512 * 1024
CONFIDENCE = 0.15
"""Of the Gamma-Poisson rule that has a goal; the others show the curve."""
RESULTS = ROOT / "build" / "bench" / "admission_simulation.json"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is simulated.

    Attributes:
      events: how many.
      ids: how many there are; some never come.
      skew: an id's share of the events falls with its rank to this power.
      threshold: θ.
      batch: events of one call, which have one event time.
    """

    events: int = 2_000_000
    ids: int = 400_000
    skew: float = 1.05
    threshold: int = 10
    batch: int = 512


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule came to on one stream.

    Attributes:
      rule: its name.
      told: what it was told, in words.
      seed: of the stream and of the table.
      rows: made.
      sketch_rows: rows of the bytes that the rule's state has.
      lost: share of the useful ids' events.
    """

    rule: str
    told: str
    seed: int
    rows: int
    sketch_rows: int
    lost: float


def draw(simulation: Simulation, seed: int) -> npt.NDArray[np.int64]:
    """Draw the ids of a stream, int64 (events,); the same seed gives the same ones."""
    chance = np.arange(1, simulation.ids + 1) ** -simulation.skew
    until = np.cumsum(chance)
    at = np.random.default_rng(seed).random(simulation.events) * until[-1]
    ids: npt.NDArray[np.int64] = np.searchsorted(until, at).astype(np.int64)
    return ids


def rules(simulation: Simulation) -> Iterator[tuple[str, Admission]]:
    """Return the rules that are compared, with their words."""
    theta, end = simulation.threshold, simulation.events
    yield "", Every()
    yield f"sketch {_size(4 * SKETCH_BYTES)}", CountAtLeast(theta, sketch_bytes=4 * SKETCH_BYTES)
    yield f"probability 1/{theta}", Bernoulli(1 / theta)
    for confidence in (0.5, 0.2, 0.0):
        words = f"q ≥ {confidence:g}" if confidence else "draw"
        yield words, Poisson(theta, ends_at=end, confidence=confidence, sketch_bytes=SKETCH_BYTES)
    for confidence in (0.5, 0.3, 0.2, 0.15, 0.1, 0.0):
        words = f"q ≥ {confidence:g}" if confidence else "draw"
        yield words, GammaPoisson(theta, ends_at=end, confidence=confidence, sketch_bytes=SKETCH_BYTES)
    for size in (SKETCH_BYTES // 4, SKETCH_BYTES // 2, SKETCH_BYTES * 2):
        words = f"q ≥ {CONFIDENCE:g}, sketch {_size(size)}"
        yield words, GammaPoisson(theta, ends_at=end, confidence=CONFIDENCE, sketch_bytes=size)


def _size(size: int) -> str:
    return f"{size // 1024} KiB"


def simulate(simulation: Simulation, ids: npt.NDArray[np.int64], rule: Admission, told: str, seed: int) -> Outcome:
    """Send a stream through a table with a rule."""
    table = tandem_ops.HashVariable(
        "id", dim=1, initializer=tandem_ops.Zeros(), optimizer=tandem_ops.SGD(1.0), seed=seed, admission=rule
    )

    def find(batch: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
        return tf.not_equal(table.lookup(batch, event_time=time)[1], tandem_ops.NO_HANDLE)

    signature = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int64)]
    has_row = tf.function(find, input_signature=signature, autograph=False)
    found = np.concatenate(
        [
            has_row(ids[start : start + simulation.batch], np.int64(start)).numpy()
            for start in range(0, len(ids), simulation.batch)
        ]
    )
    useful = np.bincount(ids, minlength=simulation.ids)[ids] >= simulation.threshold
    return Outcome(
        rule=type(rule).__name__,
        told=told,
        seed=seed,
        rows=int(table.size()),
        sketch_rows=-(-int(getattr(rule, "sketch_bytes", 0)) // ROW_BYTES),
        lost=float(np.count_nonzero(useful & ~found) / np.count_nonzero(useful)),
    )


def run(simulation: Simulation, seeds: Sequence[int]) -> list[Outcome]:
    """Measure all rules on a stream for each seed."""
    outcomes = []
    for seed in seeds:
        ids = draw(simulation, seed)
        for told, rule in rules(simulation):
            outcomes.append(simulate(simulation, ids, rule, told, seed))
            _say(outcomes[-1])
    return outcomes


def figures(simulation: Simulation, seeds: Sequence[int]) -> Iterator[Figure]:
    """Measure and yield events lost and rows made by the rule with a goal, beside the other rules."""
    load = machine.load()
    outcomes = run(simulation, seeds)
    write(outcomes)
    yield from summary(simulation, outcomes, load)


def summary(simulation: Simulation, outcomes: Sequence[Outcome], load: float) -> Iterator[Figure]:
    """Compare Gamma-Poisson with each other rule."""
    usual = {
        "ours": ("GammaPoisson", f"q ≥ {CONFIDENCE:g}"),
        "none": ("Every", ""),
        "count": ("CountAtLeast", f"sketch {_size(4 * SKETCH_BYTES)}"),
        "bernoulli": ("Bernoulli", f"probability 1/{simulation.threshold}"),
        "poisson": ("Poisson", "q ≥ 0.2"),
    }
    lost: dict[str, list[float]] = {}
    rows: dict[str, list[float]] = {}
    for side, (rule, told) in usual.items():
        of = [o for o in outcomes if (o.rule, o.told) == (rule, told)]
        lost[side] = [100 * o.lost for o in of]
        rows[side] = [float(o.rows + o.sketch_rows) for o in of]
    setting = (
        f"{simulation.events:,} events, Zipf({simulation.skew:g}) over {simulation.ids:,} ids, "
        f"θ = {simulation.threshold}, batch {simulation.batch}; "
        f"Gamma-Poisson, q ≥ {CONFIDENCE:g}, sketch of {_size(SKETCH_BYTES)}"
    )
    share = statistics.median(ours / none for ours, none in zip(rows["ours"], rows["none"], strict=True))
    medians = statistics.median(lost["ours"])
    yield compare("admission_lost", f"{setting}; goal 0.6", "% of useful events", lost, load=load, ratio=medians)
    yield compare(
        "admission_rows",
        f"{setting}, counted as rows of {ROW_BYTES} bytes; goal 0.25 of none",
        "rows",
        rows,
        load=load,
        ratio=share,
    )


def write(outcomes: Sequence[Outcome]) -> None:
    """Write all outcomes where the picture finds them."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1, ensure_ascii=False) + "\n")


def table(outcomes: Sequence[Mapping[str, float | str]]) -> str:
    """Return a Markdown table of medians over the seeds."""
    lines = ["| rule | | rows | with the sketch | useful events lost |", "|---|---|---|---|---|"]
    for rule, told in dict.fromkeys((str(o["rule"]), str(o["told"])) for o in outcomes):
        of = [o for o in outcomes if (o["rule"], o["told"]) == (rule, told)]
        rows = statistics.median(float(o["rows"]) for o in of)
        both = statistics.median(float(o["rows"]) + float(o["sketch_rows"]) for o in of)
        lost = [100 * float(o["lost"]) for o in of]
        middle = f"{statistics.median(lost):.2f} % ({min(lost):.2f} … {max(lost):.2f})"
        lines.append(f"| {rule} | {told} | {rows:,.0f} | {both:,.0f} | {middle} |")
    return "\n".join(lines)


def _say(outcome: Outcome) -> None:
    sys.stdout.write(json.dumps(asdict(outcome), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--events", type=int, default=Simulation().events)
    parser.add_argument("--ids", type=int, default=Simulation().ids)
    parser.add_argument("--picture", type=Path, help="write the curve as SVG")
    parser.add_argument("--picture-only", action="store_true", help="of the results that are there")
    options = parser.parse_args()
    if not options.picture_only:
        write(run(Simulation(events=options.events, ids=options.ids), range(options.seeds)))
    outcomes = json.loads(RESULTS.read_text())
    sys.stdout.write(table(outcomes) + "\n")
    if options.picture:
        draw_tradeoff(outcomes, options.picture)


if __name__ == "__main__":
    main()
