"""All weights of a model in memory: elastic tables, dense weights with their optimizer slots, the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import structlog
import tandem_ops
import tensorflow as tf
from tandem_ops import Delta, Snapshot

from tandem_training.errors import WorldError
from tandem_training.features import TableSpec, tables_of
from tandem_training.models.protocol import Model
from tandem_training.optimizers import Array, Optimizers

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DenseCut:
    """Copies of everything that is not a table, of one step.

    Attributes:
      weights: dense weights and moving statistics by name, float32.
      slots: optimizer slots by weight and slot, float32.
      step: training steps since the first base.
      layout: what the slots of the tables' rows mean; empty where it is not known.
    """

    weights: Mapping[str, Array]
    slots: Mapping[str, Mapping[str, Array]]
    step: int
    layout: str = ""


Shapes = Mapping[str, tuple[int, ...]]
Counts = npt.NDArray[np.int64]


class ModelState:
    """The weights of a model, owned by the training thread.

    Args:
      model: whose weights.
      optimizers: whose slots.
      admission: which ids get rows.
      seed: of initial weights, rows, and the admission's draws.
    """

    def __init__(self, model: Model, optimizers: Optimizers, admission: tandem_ops.Admission, seed: int) -> None:
        self._optimizers = optimizers
        self.specs: dict[str, TableSpec] = {spec.name: spec for spec in tables_of(model.features)}
        self.tables: dict[str, tandem_ops.HashVariable] = {
            name: tandem_ops.HashVariable(
                name,
                dim=spec.dim,
                initializer=tandem_ops.Uniform(model.initial_range),
                optimizer=optimizers.sparse,
                admission=admission,
                seed=seed + i,
            )
            for i, (name, spec) in enumerate(sorted(self.specs.items()))
        }
        initial = model.weights(seed)
        self.weights: dict[str, tf.Variable] = {
            name: tf.Variable(weight.initial, trainable=weight.trainable, name=name)
            for name, weight in sorted(initial.items())
        }
        self.slots: dict[str, dict[str, tf.Variable]] = {
            name: {
                slot: tf.Variable(value)
                for slot, value in optimizers.dense.initial(initial[name].initial.shape).items()
            }
            for name, variable in self.weights.items()
            if variable.trainable
        }
        self.step = 0
        # One call for all variables, compiled and run once here: a cut must hold training up for milliseconds only.
        self._read = tf.function(self._read_all, input_signature=(), autograph=False).get_concrete_function()
        self._read()

    def cut_dense(self) -> DenseCut:
        """Copy all dense weights and slots."""
        weights, slots = self._read()
        return DenseCut(
            weights={name: value.numpy() for name, value in weights.items()},
            slots={name: {slot: value.numpy() for slot, value in of.items()} for name, of in slots.items()},
            step=self.step,
            layout=self._optimizers.sparse.layout,
        )

    def _read_all(self) -> tuple[dict[str, tf.Tensor], dict[str, dict[str, tf.Tensor]]]:
        return (
            {name: variable.read_value() for name, variable in self.weights.items()},
            {name: {slot: v.read_value() for slot, v in slots.items()} for name, slots in self.slots.items()},
        )

    def rows(self) -> dict[str, int]:
        """Return the number of rows by table."""
        return {name: int(table.size()) for name, table in self.tables.items()}

    def restore_dense(self, cut: DenseCut, *, strict: bool) -> None:
        """Take over dense weights.

        Args:
          cut: what a checkpoint has.
          strict: refuse a checkpoint of another model; otherwise whatever fits by name and shape is taken, the rest
            stays new.

        Raises:
          WorldError: strict, and the checkpoint does not have exactly this model's weights.
        """
        own = {name: tuple(variable.shape) for name, variable in self.weights.items()}
        _fit("weight", own, {name: value.shape for name, value in cut.weights.items()}, strict=strict)
        for name, variable in self.weights.items():
            value = cut.weights.get(name)
            if value is None or tuple(variable.shape) != value.shape:
                continue
            variable.assign(value)
            for slot, slot_variable in self.slots.get(name, {}).items():
                slot_value = cut.slots.get(name, {}).get(slot)
                if slot_value is not None and slot_value.shape == tuple(slot_variable.shape):
                    slot_variable.assign(slot_value)
                elif strict:
                    raise _other_model(f"slot {slot} of weight {name}")
        self.step = cut.step

    def restore_tables(self, snapshots: Mapping[str, Snapshot], layout: str, *, strict: bool) -> None:
        """Take over tables, rows with their optimizer slots.

        Args:
          snapshots: by table.
          layout: what their slots mean, of their ``DenseCut``.
          strict: refuse a checkpoint of another model; otherwise a table that fits by name and width is taken (with
            new slots if the optimizer changed), the others stay empty.

        Raises:
          WorldError: strict, and the checkpoint does not have exactly this model's tables.
        """
        own: Shapes = {name: (table.dim,) for name, table in self.tables.items()}
        _fit("table", own, {name: snapshot.rows.shape[1:] for name, snapshot in snapshots.items()}, strict=strict)
        for name, table in self.tables.items():
            snapshot = snapshots.get(name)
            if snapshot is None or snapshot.rows.shape[1] != table.dim:
                continue
            width = table.optimizer.slots * table.dim
            if snapshot.slots.shape[1] != width or layout not in {"", table.optimizer.layout}:
                if strict:
                    raise _other_model(f"optimizer slots of table {name}")
                snapshot = self._with_new_slots(snapshot, table.dim)
            table.restore(snapshot)

    def restore_admission(self, states: Mapping[str, Counts], *, strict: bool) -> None:
        """Take over what the admission rules have counted.

        Args:
          states: by table; a table without one begins to count anew.
          strict: refuse counts of another rule; otherwise they are dropped.

        Raises:
          WorldError: strict, and the counts are of another rule or sketch.
        """
        for name, counts in states.items():
            table = self.tables.get(name)
            if table is None:
                continue
            try:
                table.restore_admission(counts)
            except tf.errors.InvalidArgumentError as error:
                if strict:
                    raise _other_model(f"admission state of table {name}") from error
                _LOG.warning("the admission rule changed; it counts anew", table=name)

    def _with_new_slots(self, snapshot: Snapshot, dim: int) -> Snapshot:
        rows = len(snapshot)
        slots = self._optimizers.sparse_slots(rows, dim)
        return Snapshot(snapshot.keys, snapshot.rows, slots, np.zeros(rows, np.int64), snapshot.seen)


def _fit(what: str, wanted: Shapes, found: Shapes, *, strict: bool) -> None:
    """Compare a checkpoint's shapes with the model's.

    Raises:
      WorldError: strict, and a name is missing on one side or has another shape.
    """
    differing = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    if differing and strict:
        raise _other_model(f"{what} {differing[0]}")
    if differing:
        _LOG.warning("the model changed; these begin anew or are dropped", what=what, names=differing)


def _other_model(what: str) -> WorldError:
    return WorldError(
        "OtherModel",
        f"{what} of the checkpoint does not fit the model that this Job was given; its base was made from another spec",
    )


__all__ = ["Counts", "Delta", "DenseCut", "ModelState", "Snapshot"]
