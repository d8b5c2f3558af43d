"""Ours."""

from collections.abc import Callable, Sequence

import numpy as np
import tandem_ops
import tensorflow as tf

from bench.ops import workload
from bench.ops.sides.dense import ACCUMULATOR, ADAGRAD_EPSILON, BETA1, BETA2, EPSILON, RATE
from bench.ops.sides.side import Call, chunks
from bench.ops.workload import Ids, Rows, Table, Work

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
        case _:
            return ADAGRAD


def make(name: str, table: Table) -> tandem_ops.HashVariable:
    """Make an empty table as a user would."""
    return tandem_ops.HashVariable(
        name, dim=table.dim, initializer=tandem_ops.Uniform(0.05), optimizer=optimizer(table.optimizer), seed=1
    )


class Tandem:
    """``tandem_ops.HashVariable``: every lookup is of the training kind, find or insert."""

    tables: Sequence[tandem_ops.HashVariable]

    def open(self, table: Table) -> None:
        """Make all rows by looking them up."""
        self._table = table
        self.tables = [make(f"table_{i}", table) for i in range(table.tables)]
        for made in self.tables:
            for places in chunks(table.rows):
                made.lookup(tf.constant(workload.keys(places)))
            if table.exact:
                _begin_as_others(made)

    def ids(self, places: Ids) -> Ids:
        """Return keys."""
        return workload.keys(places)

    def call(self, work: Work) -> Call:
        """Return a function of one batch."""
        if work.step == "lookup":
            return self._lookup
        gradient = tf.constant(workload.gradients(work.batch, self._table.dim))
        return lambda ids: self._train(ids[0], gradient)

    def rows(self, places: Ids) -> Rows:
        """Read rows."""
        found: Rows = self.tables[0].peek(workload.keys(places)).numpy()
        return found

    def insert(self, dim: int) -> Callable[[tf.Tensor], object]:
        """Look fresh ids up: rows are initialized, and two slots with them."""
        self.tables = [make("fresh", Table(rows=0, dim=dim))]
        return lambda ids: self.tables[0].lookup(ids)[1]

    def _lookup(self, ids: Sequence[tf.Tensor]) -> tf.Tensor:
        found = [made.lookup(keys)[0] for made, keys in zip(self.tables, ids, strict=True)]
        return found[0] if len(found) == 1 else tf.stack(found)

    def _train(self, ids: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        rows, handles = self.tables[0].lookup(ids)
        self.tables[0].apply(handles, gradient + 0.0 * rows)
        return rows[0, 0]


def _begin_as_others(table: tandem_ops.HashVariable) -> None:
    """Give the rows the values that the peers' have."""
    now = table.snapshot()
    places_of = dict(zip(workload.keys(np.arange(len(now))).tolist(), range(len(now)), strict=True))
    places = np.array([places_of[key] for key in now.keys.tolist()])
    rows = workload.values(places, now.rows.shape[1])
    table.load_rows(tandem_ops.Snapshot(now.keys, rows, now.slots, now.steps, now.seen))
