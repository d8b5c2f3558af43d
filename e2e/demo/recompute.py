"""Answers computed again from the store alone, by the version that each names: the oracle for what was served.

Nothing of the serving program is used: rows are looked up with numpy, the dense graph runs in plain TensorFlow.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import xxhash
from numpy.typing import NDArray
from tandem_wire.bases import read_base
from tandem_wire.lineage import Rows, ServingState, rebuild
from tandem_wire.model import InputSpec, ModelSpec
from tandem_wire.objects import get_object
from tandem_wire.records import Record
from tandem_wire.store import Store

from e2e.demo.samples import Features, Floats, Ints

Predictions = dict[str, Floats]


def column(features: Features, name: str) -> Ints | Floats:
    """One input of the model as numbers: strings become the int64 that the format page tells.

    Args:
      features: n impressions.
      name: a field of ``Features``.

    Returns:
      (n, length).
    """
    values: object = getattr(features, name)
    if isinstance(values, tuple):
        hashed = [xxhash.xxh64_intdigest(text, seed=0) for text in values]
        values = np.array(hashed, np.uint64).view(np.int64)
    array: NDArray[np.int64] | NDArray[np.float32] = np.asarray(values)
    return array.reshape(len(features), -1)


def look_up(rows: Rows, ids: Ints) -> Floats:
    """The rows of ``ids`` (n, length) side by side: (n, length · dim); an id without a row reads as zeros."""
    dim = rows.values.shape[1]
    found = np.zeros((*ids.shape, dim), np.float32)
    if len(rows.keys):
        at = np.minimum(np.searchsorted(rows.keys, ids), len(rows.keys) - 1)
        there = rows.keys[at] == ids
        found[there] = rows.values[at[there]]
    return found.reshape(len(ids), -1)


def _given(state: ServingState, spec: InputSpec, features: Features) -> Floats:
    values = column(features, spec.name)
    if spec.table is None:
        return values.astype(np.float32)
    return look_up(state.tables[spec.table], values.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Oracle:
    """The model of one base: its description and its dense graph, to be run with any state of its lineage."""

    store: Store
    base: int
    model: ModelSpec
    dense: object

    @classmethod
    def of(cls, store: Store, base: int) -> "Oracle":
        """Read base ``base``'s description and graph from the store of one model."""
        record = read_base(store, base)
        model = ModelSpec.from_json(_object(store, record, "model.json"))
        graph = tf.compat.v1.GraphDef.FromString(_object(store, record, model.dense.graph))
        imported = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
        feeds = [*model.dense.feature_inputs, *model.dense.weight_inputs]
        tensor = imported.graph.as_graph_element
        dense = imported.prune([tensor(name) for name in feeds], [tensor(name) for name in model.dense.outputs])
        return cls(store, base, model, dense)

    def state(self, update: int | None = None) -> ServingState:
        """What a pod serves at ``update`` of this lineage (0: the base itself; None: the newest)."""
        return rebuild(self.store, self.base, update)

    def predict(self, state: ServingState, features: Features) -> Predictions:
        """The probabilities of each task for each impression: float32 (n,) by task."""
        inputs: Mapping[str, InputSpec] = {spec.name: spec for spec in self.model.inputs}
        given = [_given(state, inputs[name], features) for name in self.model.dense.features]
        weights = [state.weights[weight.name] for weight in self.model.weights]
        outputs = self.dense(*(tf.constant(value) for value in (*given, *weights)))  # type: ignore[operator]
        return {
            spec.task: np.asarray(value, np.float32).reshape(-1)
            for spec, value in zip(self.model.outputs, outputs, strict=True)
        }


def _object(store: Store, record: Record, name: str) -> bytes:
    return get_object(store, next(ref for ref in record.objects if ref.name == name))
