"""Admission on a real click log: ``python -m bench.ops.admission_globo LOG.parquet``.

The log is read hour by hour: each hour is scored with what was learned until it began, and is then learned, once, in
order, with a table for each field. All rules see the same samples; an id without a row reads zeros. AUC is of all hours
after the first day, and of each of them; rows are those at the end. The log is Globo's page views, or another Parquet
file with its columns.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import tandem_ops
import tensorflow as tf
from tandem_ops import Admission, Bernoulli, CountAtLeast, Every, GammaPoisson, Poisson

from bench.ops.click_log import read_log
from bench.ops.planted import Stream, auc
from bench.side import ROOT

DIM = 8
BATCH = 2_048
HOUR, DAY = 3_600, 86_400
SKETCH_BYTES = 2**19
"""Of each field."""
ROW_BYTES = 8 + DIM * 4 * 2
RESULTS = ROOT / "build" / "bench" / "admission_globo.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule came to.

    Attributes:
      rule: its name and numbers.
      seed: of the rows.
      rows: in all tables at the end.
      sketch_rows: rows of the bytes that the rule's sketch have.
      auc: of all scored samples together.
      hourly_auc: the mean over the hours, each by itself.
    """

    rule: str
    seed: int
    rows: int
    sketch_rows: int
    auc: float
    hourly_auc: float


def rules(thresholds: Sequence[int], theta: int, confidences: Sequence[float]) -> Iterator[tuple[str, Admission]]:
    """Return the rules that are compared, by their words.

    Args:
      thresholds: of counting.
      theta: occurrences within a day that the predicting rules look for.
      confidences: theirs.
    """
    yield "Every", Every()
    for threshold in thresholds:
        yield f"CountAtLeast({threshold})", CountAtLeast(threshold, sketch_bytes=SKETCH_BYTES)
    for threshold in thresholds:
        yield f"Bernoulli(1/{threshold})", Bernoulli(1 / threshold)
    for confidence in confidences:
        for kind in (Poisson, GammaPoisson):
            rule = kind(theta, DAY, confidence=confidence, sketch_bytes=SKETCH_BYTES)
            yield f"{kind.__name__}({theta}, one day), q ≥ {confidence:g}", rule


class Model:
    """Logistic regression on the concatenated rows of a sample's ids; dense weights and rows have Adagrad steps.

    Args:
      rule: of the tables, one for each field.
      fields: ids per sample.
      seed: of the rows and the dense weights.
    """

    def __init__(self, rule: Admission, fields: int, seed: int) -> None:
        self.tables = [
            tandem_ops.HashVariable(
                f"field{field}",
                dim=DIM,
                initializer=tandem_ops.Uniform(0.05),
                optimizer=tandem_ops.Adagrad(0.02),
                seed=seed,
                admission=rule,
            )
            for field in range(fields)
        ]
        start = np.random.default_rng(seed).choice([-0.5, 0.5], fields * DIM).astype(np.float32)
        self._dense = [tf.Variable(start), tf.Variable(np.float32(-1.0))]
        self._squares = [tf.Variable(tf.fill(weight.shape, 0.1)) for weight in self._dense]
        ids, labels = tf.TensorSpec([None, fields], tf.int64), tf.TensorSpec([None], tf.float32)
        time = tf.TensorSpec([], tf.int64)
        self.learn = tf.function(self._learn, input_signature=[ids, labels, time], autograph=False)
        self.score = tf.function(self._score, input_signature=[ids], autograph=False)

    def rows(self) -> int:
        """Return how many rows there are."""
        return sum(int(table.size()) for table in self.tables)

    def _score(self, ids: tf.Tensor) -> tf.Tensor:
        return self._logits(tandem_ops.grouped_peek(self.tables, tf.unstack(ids, axis=1)))

    def _logits(self, rows: Sequence[tf.Tensor]) -> tf.Tensor:
        return tf.linalg.matvec(tf.concat(rows, axis=1), self._dense[0].read_value()) + self._dense[1].read_value()

    def _learn(self, ids: tf.Tensor, labels: tf.Tensor, time: tf.Tensor) -> None:
        rows, handles = tandem_ops.grouped_lookup(self.tables, tf.unstack(ids, axis=1), event_time=time)
        with tf.GradientTape() as tape:
            tape.watch(rows)
            loss = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels, self._logits(rows)))
        of_rows, of_dense = tape.gradient(loss, [rows, self._dense])
        tandem_ops.grouped_apply(self.tables, handles, of_rows)
        for weight, square, gradient in zip(self._dense, self._squares, of_dense, strict=True):
            mean = gradient / BATCH
            weight.assign_sub(0.01 * mean / tf.sqrt(square.assign_add(tf.square(mean))))


def replay(stream: Stream, seconds: npt.NDArray[np.int64], rule: Admission, seed: int) -> tuple[Model, float, float]:
    """Score and learn a log hour by hour; the model, the AUC of all hours but the first day's, and their mean."""
    model = Model(rule, stream.ids.shape[1], seed)
    labels, scores, hourly = [], [], []
    ends = np.searchsorted(seconds, np.arange(HOUR, seconds[-1] + HOUR + 1, HOUR)).tolist()
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        if begin == end:
            continue
        if seconds[begin] >= DAY:
            scores.append(model.score(stream.ids[begin:end]).numpy())
            labels.append(stream.labels[begin:end])
            if 0 < labels[-1].sum() < end - begin:
                hourly.append(auc(labels[-1], scores[-1]))
        for at in range(begin, end, BATCH):
            until = min(at + BATCH, end)
            model.learn(stream.ids[at:until], stream.labels[at:until], np.int64(seconds[until - 1]))
    return model, auc(np.concatenate(labels), np.concatenate(scores)), statistics.mean(hourly)


def run(path: Path, compared: Sequence[tuple[str, Admission]], seeds: Sequence[int]) -> list[Outcome]:
    """Measure rules on a log."""
    stream = read_log(path)
    milliseconds = pq.read_table(path, columns=["ts_ms"]).column("ts_ms").to_numpy().astype(np.int64)
    seconds = (milliseconds - milliseconds[0]) // 1000
    outcomes = []
    for seed in seeds:
        for words, rule in compared:
            model, all_hours, mean = replay(stream, seconds, rule, seed)
            sketch_rows = len(model.tables) * int(getattr(rule, "sketch_bytes", 0)) // ROW_BYTES
            outcomes.append(Outcome(words, seed, model.rows(), sketch_rows, all_hours, mean))
            _say(json.dumps(asdict(outcomes[-1]), ensure_ascii=False))
            write(outcomes)
    return outcomes


def write(outcomes: Sequence[Outcome]) -> None:
    """Write what there is so far."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1, ensure_ascii=False) + "\n")


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a Markdown table; medians over the seeds, AUC less that of no filter seed by seed."""
    every = {o.seed: o for o in outcomes if o.rule == "Every"}
    lines = [
        "| rule | rows | of all | with the sketch | AUC | more than Every | mean of hours, more than Every |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule in dict.fromkeys(o.rule for o in outcomes):
        of = [o for o in outcomes if o.rule == rule]
        rows = statistics.median(o.rows for o in of)
        share = statistics.median(o.rows / every[o.seed].rows for o in of)
        both = statistics.median((o.rows + o.sketch_rows) / every[o.seed].rows for o in of)
        reached = statistics.median(o.auc for o in of)
        less = statistics.median(o.auc - every[o.seed].auc for o in of)
        hourly = statistics.median(o.hourly_auc - every[o.seed].hourly_auc for o in of)
        lines.append(
            f"| {rule} | {rows:,.0f} | {share:.1%} | {both:.1%} | {reached:.4f} | {less:+.4f} | {hourly:+.4f} |"
        )
    return "\n".join(lines)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path, help="Parquet")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--thresholds", type=int, nargs="+", default=(2, 3, 10), help="of the counting rule")
    parser.add_argument("--theta", type=int, default=10, help="of the predicting rules")
    parser.add_argument("--confidences", type=float, nargs="+", default=(0.2, 0.5, 0.8, 0.95))
    options = parser.parse_args()
    compared = list(rules(options.thresholds, options.theta, options.confidences))
    _say(table(run(options.log, compared, range(options.seeds))))


if __name__ == "__main__":
    main()
