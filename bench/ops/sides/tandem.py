"""Ours."""

from collections.abc import Callable, Sequence

import numpy as np
import tandem_ops
import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.dense import ACCUMULATOR, ADAGRAD_EPSILON, BETA1, BETA2, EPSILON, RATE
from bench.ops.sides.side import Call, chunks
from bench.ops.workload import Ids, Insert, Rows, Table, Work

LOAD = 4_096
LAMBDA = 1e-4
"""Some rows stay, some become zero: the shrink has all its work to do."""

ADAM = tandem_ops.Adam(RATE, beta1=BETA1, beta2=BETA2, epsilon=EPSILON)
ADAGRAD = tandem_ops.Adagrad(RATE, initial_accumulator=ACCUMULATOR, epsilon=ADAGRAD_EPSILON)


def optimizer(name: str) -> tandem_ops.Optimizer:
    """Return an optimizer by the name of :class:`Table`."""
    match name.split("_"):
        case [*form, "adam" | "adagrad" as base] if form:
            return tandem_ops.GroupLasso(
                ADAM if base == "adam" else ADAGRAD, l21=LAMBDA, form="prox" if form == ["prox"] else "dual_averaging"
            )
        case ["adam"]:
            return ADAM
        case ["sgd"]:
            return tandem_ops.SGD(RATE)
        case _:
            return ADAGRAD


def make(name: str, table: Table) -> tandem_ops.HashVariable:
    """Make an empty table as a user would."""
    admission = tandem_ops.GammaPoisson(threshold=10, horizon=1_000_000) if table.admission else tandem_ops.Every()
    return tandem_ops.HashVariable(
        name,
        dim=table.dim,
        initializer=tandem_ops.Uniform(0.05),
        optimizer=optimizer(table.optimizer),
        admission=admission,
        seed=1,
    )


class Tandem:
    """``tandem_ops.HashVariable``: every lookup is of the training kind, find or insert.

    Event time goes on with every call, so that every call stamps the rows that it finds.
    """

    tables: Sequence[tandem_ops.HashVariable]

    def open(self, table: Table) -> None:
        """Make all rows by looking them up, or by loading them past the admission filter."""
        self._table = table
        self.tables = [make(f"table_{i}", table) for i in range(table.tables)]
        for made in self.tables:
            for places in chunks(table.rows):
                if table.admission:
                    _load(made, places)
                else:
                    made.lookup(tf.constant(workload.keys(places)))
            if table.exact:
                _load(made, np.arange(table.rows))

    def ids(self, places: Ids) -> Ids:
        """Return keys."""
        return workload.keys(places)

    def call(self, work: Work) -> Call:
        """Return a function of one batch."""
        if work.step == "lookup":
            return self._lookup
        gradient = tf.constant(workload.gradients(work.batch, self._table.dim))
        return lambda ids, now: self._train(ids[0], now, gradient)

    def rows(self, places: Ids) -> Rows:
        """Read rows."""
        found: Rows = self.tables[0].peek(workload.keys(places)).numpy()
        return found

    def insert(self, dim: int, what: Insert, batch: int) -> Callable[[tf.Tensor], object]:
        """Look fresh ids up: rows are initialized, and the optimizer's slots with them."""
        self.tables = [make("fresh", Table(rows=0, dim=dim, optimizer="sgd" if what == "rows" else "adam"))]
        if what != "rows_and_step":
            return lambda ids: self.tables[0].lookup(ids, event_time=1)[1]
        clock = tf.Variable(1, dtype=tf.int64)
        gradient = tf.constant(workload.gradients(batch, dim))
        step: Callable[[tf.Tensor], object] = tf.function(
            lambda ids: self._train(ids, clock.assign_add(1), gradient[: tf.size(ids)]),
            input_signature=[tf.TensorSpec([None], tf.int64)],
            autograph=False,
        )
        return step

    def _lookup(self, ids: Sequence[tf.Tensor], now: tf.Tensor) -> tf.Tensor:
        if len(ids) == 1:
            return self.tables[0].lookup(ids[0], event_time=now)[0]
        return tf.stack(tandem_ops.grouped_lookup(self.tables, ids, event_time=now)[0])

    def _train(self, ids: tf.Tensor, now: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        rows, handles = self.tables[0].lookup(ids, event_time=now)
        self.tables[0].apply(handles, gradient + 0.0 * rows)
        return rows[0, 0]


def _load(table: tandem_ops.HashVariable, places: Ids) -> None:
    """Write rows as the peers' begin, in the order of places but for short stretches, since a load is sorted by key."""
    starts = np.repeat(np.array(table.optimizer.slot_starts, np.float32), table.dim)
    for start in range(0, len(places), LOAD):
        keys = workload.keys(places[start : start + LOAD])
        order = np.argsort(keys)
        rows = workload.values(places[start : start + LOAD], table.dim)
        nothing = np.zeros(len(keys), np.int64)
        table.load_rows(
            tandem_ops.Snapshot(keys[order], rows[order], np.tile(starts, (len(keys), 1)), nothing, nothing)
        )
