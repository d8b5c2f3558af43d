"""How many rows group lasso makes zero, and what that costs in AUC: ``python -m bench.ops.group_lasso_curve``.

A logistic model on id embeddings learns a planted stream once, in order, through HashVariable; the last fifth of the
stream is scored and not learned. One table for each form, λ and seed; λ = 0 is the plain optimizer.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tandem_ops
import tensorflow as tf

from bench.ops.click_log import read_log
from bench.ops.group_lasso_picture import draw_curve
from bench.ops.planted import Stream, Truth, auc, draw
from bench.side import ROOT

DIM = 8
BATCH = 2_048
RATE = 0.02
LEARNED = 0.8
LAMBDAS: Mapping[str, Sequence[float]] = {
    "prox": (0.0, 0.05, 0.1, 0.2, 0.3, 0.4),
    "dual_averaging": (0.0, 0.02, 0.04, 0.06, 0.07, 0.08, 0.1),
}
"""By form: prox acts with every touch of a row, dual averaging with the mean of its gradients."""

FOLDER = ROOT / "build" / "bench"


@dataclass(frozen=True, slots=True)
class Point:
    """What one table came to.

    Attributes:
      data: planted, or the log's name.
      form: of group lasso.
      l21: its λ₂₁.
      seed: of the stream, and of the rows.
      rows: in the table.
      zero: share of the rows that are exactly zero.
      auc: on the samples that were not learned.
      best: AUC of the chances that the labels were drawn with; None where they are not known.
      carrying_zero: share of the zero rows among those with an effect; None where that is not known.
    """

    data: str
    form: str
    l21: float
    seed: int
    rows: int
    zero: float
    auc: float
    best: float | None
    carrying_zero: float | None


class Model:
    """Logistic regression on the concatenated rows of a sample's ids, with a bias.

    Args:
      optimizer: of the rows; the dense weights have plain Adam steps.
      fields: ids per sample.
      seed: of the rows and the dense weights.
    """

    def __init__(self, optimizer: tandem_ops.Optimizer, fields: int, seed: int) -> None:
        self.table = tandem_ops.HashVariable(
            "id", dim=DIM, initializer=tandem_ops.Uniform(0.05), optimizer=optimizer, seed=seed
        )
        random = np.random.default_rng(seed)
        self._dense = [
            tf.Variable(random.choice([-0.5, 0.5], fields * DIM).astype(np.float32)),
            tf.Variable(np.float32(-1.0)),
        ]
        self._moments = [[tf.Variable(tf.zeros_like(w)) for _ in range(2)] for w in self._dense]
        self._count = tf.Variable(0.0)
        ids, labels = tf.TensorSpec([None, fields], tf.int64), tf.TensorSpec([None], tf.float32)
        self.learn = tf.function(self._learn, input_signature=[ids, labels], autograph=False)
        self.score = tf.function(lambda at: self._logits(self.table.peek(at)), input_signature=[ids], autograph=False)

    def _logits(self, rows: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(rows, [tf.shape(rows)[0], -1])
        return tf.linalg.matvec(flat, self._dense[0].read_value()) + self._dense[1].read_value()

    def _learn(self, ids: tf.Tensor, labels: tf.Tensor) -> None:
        rows, handles = self.table.lookup(ids)
        with tf.GradientTape() as tape:
            tape.watch(rows)
            loss = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels, self._logits(rows)))
        row_gradient, *gradients = tape.gradient(loss, [rows, *self._dense])
        self.table.apply(handles, row_gradient)  # of the summed loss: what a row learns does not depend on the batch
        count = self._count.assign_add(1.0)
        for weight, (m, v), gradient in zip(self._dense, self._moments, gradients, strict=True):
            first = m.assign(0.9 * m + 0.1 * gradient)
            second = v.assign(0.999 * v + 0.001 * tf.square(gradient))
            step = (first / (1 - 0.9**count)) / (tf.sqrt(second / (1 - 0.999**count)) + 1e-8)
            weight.assign_sub(1e-3 * step)


def measure(stream: Stream, data: str, form: str, l21: float, seed: int) -> Point:
    """Learn a stream with one λ."""
    base = tandem_ops.Adagrad(RATE)
    optimizer = tandem_ops.GroupLasso(base, l21=l21, form=form) if l21 else base  # type: ignore[arg-type] # of LAMBDAS
    model = Model(optimizer, stream.ids.shape[1], seed)
    learned = int(len(stream.labels) * LEARNED)
    for start in range(0, learned, BATCH):
        end = min(start + BATCH, learned)
        model.learn(stream.ids[start:end], stream.labels[start:end])
    scores = np.concatenate(
        [model.score(stream.ids[at : at + 65_536]).numpy() for at in range(learned, len(stream.labels), 65_536)]
    )
    table = model.table.snapshot()
    zero: npt.NDArray[np.bool_] = np.count_nonzero(table.rows, axis=1) == 0
    known = bool(stream.signal.size)
    carrying = stream.signal[table.keys] if known else None
    return Point(
        data=data,
        form=form,
        l21=l21,
        seed=seed,
        rows=len(table),
        zero=float(zero.mean()),
        auc=auc(stream.labels[learned:], scores),
        best=auc(stream.labels[learned:], stream.chances[learned:]) if known else None,
        carrying_zero=None if carrying is None else float(zero[carrying].mean()),
    )


def curve(
    stream_of: Callable[[int], Stream], data: str, seeds: Sequence[int], lambdas: Sequence[float] | None = None
) -> list[Point]:
    """Measure all forms and λ, for each seed on its stream."""
    points = []
    for seed in seeds:
        stream = stream_of(seed)
        for form, of_form in LAMBDAS.items():
            for l21 in lambdas or of_form:
                points.append(measure(stream, data, form, l21, seed))
                _say(points[-1])
    return points


def _say(point: Point) -> None:
    sys.stdout.write(json.dumps(asdict(point)) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=Truth().samples)
    parser.add_argument("--lambdas", type=float, nargs="+", help="of both forms; else each has its own")
    parser.add_argument("--log", type=Path, help="a click log in place of the planted stream; see click_log.py")
    parser.add_argument("--picture", type=Path, help="write the curve as SVG")
    parser.add_argument("--picture-only", action="store_true", help="of the results that are there")
    options = parser.parse_args()
    results = FOLDER / f"group_lasso_{'log' if options.log else 'planted'}.json"
    if not options.picture_only:
        if options.log:
            log = read_log(options.log)
            points = curve(lambda _: log, options.log.stem, range(options.seeds), options.lambdas)
        else:
            truth = Truth(samples=options.samples)
            points = curve(lambda seed: draw(truth, seed), "planted", range(options.seeds), options.lambdas)
        FOLDER.mkdir(parents=True, exist_ok=True)
        results.write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n")
    if options.picture:
        draw_curve(json.loads(results.read_text()), options.picture)


if __name__ == "__main__":
    main()
