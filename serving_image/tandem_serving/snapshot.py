"""One version of a model: everything that an answer is computed from, never changed once made.

A request pins one snapshot and reads nothing else, so its answer comes from exactly one version. Snapshots of one
lineage share the arrays that an update left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from tandem_wire.lineage import Rows, ServingState
from tandem_wire.model import DType, InputSpec, ModelSpec
from tandem_wire.version import Version

from tandem_serving.dense import Dense, aligned
from tandem_serving.gather import PADDING, Floats, Ids, fingerprint, gather, pool
from tandem_serving.tensors import Input


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What all versions of one base have in common."""

    spec: ModelSpec
    dense: Dense


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """An immutable version, ready to answer.

    Args:
      version: base and update.
      model: the base's contract and dense function.
      tables: by name, keys ascending.
      weights: in the order of the contract's weights.
      watermark: event time up to which this version has learned; None when unknown.
    """

    version: Version
    model: Model
    tables: Mapping[str, Rows]
    weights: tuple[Floats, ...]
    watermark: datetime | None

    def features(self, inputs: Mapping[str, Input]) -> list[Floats]:
        """Turn checked inputs into the feature tensors of the dense graph, (batch, width) each, in its order."""
        specs = {spec.name: spec for spec in self.model.spec.inputs}
        return [self._feature(specs[name], inputs[name]) for name in self.model.spec.dense.features]

    def answer(self, inputs: Mapping[str, Input]) -> dict[str, Floats]:
        """Compute every output, float32 of shape (batch,), from checked inputs."""
        outputs = self.model.dense.run(self.features(inputs), self.weights)
        return {spec.name: output for spec, output in zip(self.model.spec.outputs, outputs, strict=True)}

    def _feature(self, spec: InputSpec, array: Input) -> Floats:
        if spec.table is None:
            return array.astype(np.float32, copy=False)
        ids, present = _ids(spec, array)
        rows = self.tables[spec.table]
        return pool(gather(rows.keys, rows.values, ids), present, spec.pooling)


def snapshot_of(state: ServingState, model: Model) -> Snapshot:
    """Make a state answer; its tables are shared, its weights laid out for TensorFlow."""
    return Snapshot(
        version=state.version,
        model=model,
        tables=state.tables,
        weights=tuple(aligned(state.weights[spec.name]) for spec in state.model.weights),
        watermark=state.watermark,
    )


def sample_inputs(snapshot: Snapshot, rows: int) -> dict[str, Input]:
    """Make inputs that read real rows of every table, for warming and for checking that answers are finite.

    String ids can't be made from keys; they read the row of one text, or none. That rows are finite is checked as they
    are read from the store.
    """
    return {spec.name: _sample(snapshot, spec, (rows, spec.length)) for spec in snapshot.model.spec.inputs}


def _sample(snapshot: Snapshot, spec: InputSpec, shape: tuple[int, int]) -> Input:
    if spec.dtype is DType.STRING:
        return np.full(shape, b"warm", dtype=object)
    if spec.table is None:
        return np.zeros(shape, np.float32)
    keys = snapshot.tables[spec.table].keys
    return np.resize(keys, shape) if len(keys) else np.zeros(shape, np.int64)


def _ids(spec: InputSpec, array: Input) -> tuple[Ids, "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"]:
    if spec.dtype is DType.STRING:
        flat: Sequence[bytes] = array.ravel().tolist()
        return fingerprint(flat).reshape(array.shape), np.asarray(array != b"", dtype=np.bool_)
    return array, array != PADDING
