"""The serving export of a base: dense graph, weights as inputs, model.json, and proof that they answer as the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import tandem_ops
import tensorflow as tf
from tandem_wire.bases import GRAPH, MODEL, WEIGHTS, rows_object
from tandem_wire.model import (
    DenseSpec,
    DType,
    Group,
    InputSpec,
    ModelSpec,
    OutputSpec,
    Pooling,
    Side,
    TableSpec,
    WeightSpec,
)
from tandem_wire.records import Part
from tandem_wire.tensors import unpack

from tandem_training.checkpoints import Objects
from tandem_training.errors import WorldError
from tandem_training.examples import Samples
from tandem_training.features import INT_PADDING, STRING_PADDING, IdFeature, tables_of
from tandem_training.models.protocol import Model

Floats = npt.NDArray[np.float32]

TOLERANCE: Final = 1e-5


def model_spec(model: Model, name: str, freezing: Iterable[str]) -> ModelSpec:
    """Describe a model to servers (FORMAT.md, model.json)."""
    frozen = frozenset(freezing)
    inputs = tuple(
        InputSpec(f.name, DType(f.dtype), f.table, Pooling(f.pooling), f.length, Side(f.side))
        if isinstance(f, IdFeature)
        else InputSpec(f.name, DType.FLOAT32, None, Pooling.NONE, f.length, Side(f.side))
        for f in model.features
    )
    weights = tuple(WeightSpec(n, tuple(w.initial.shape)) for n, w in sorted(model.weights(0).items()))
    features = tuple(sorted(feature.name for feature in model.features))
    return ModelSpec(
        name=name,
        inputs=inputs,
        tables=tuple(
            TableSpec(t.name, t.dim, Group.FREEZING if t.name in frozen else Group.CHANGING)
            for t in tables_of(model.features)
        ),
        weights=weights,
        dense=DenseSpec(
            graph=GRAPH,
            features=features,
            feature_inputs=tuple(f"feature_{i}:0" for i in range(len(features))),
            weight_inputs=tuple(f"weight_{i}:0" for i in range(len(weights))),
            outputs=tuple(f"output_{i}:0" for i in range(len(model.tasks))),
        ),
        outputs=tuple(OutputSpec(task, DType.FLOAT32, task) for task in model.tasks),
    )


def dense_graph(model: Model, spec: ModelSpec) -> bytes:
    """Return the serialized GraphDef: placeholders for features and weights, probabilities out, native ops only."""
    widths = {feature.name: feature.width for feature in model.features}
    with tf.Graph().as_default() as graph:
        features = {
            name: tf.compat.v1.placeholder(tf.float32, [None, widths[name]], tensor.partition(":")[0])
            for name, tensor in zip(spec.dense.features, spec.dense.feature_inputs, strict=True)
        }
        weights = {
            weight.name: tf.compat.v1.placeholder(tf.float32, weight.shape, tensor.partition(":")[0])
            for weight, tensor in zip(spec.weights, spec.dense.weight_inputs, strict=True)
        }
        forward = model.forward(weights, features, model.tasks, training=False)
        for output, tensor in zip(spec.outputs, spec.dense.outputs, strict=True):
            tf.sigmoid(forward.logits[output.task], name=tensor.partition(":")[0])
        data: bytes = graph.as_graph_def(add_shapes=False).SerializeToString(deterministic=True)
    return data


def add_export(objects: Objects, model: Model, spec: ModelSpec) -> None:
    """Put model.json and the graph beside the rows and weights of a base."""
    objects[Part.SERVING, MODEL] = spec.to_json().encode()
    objects[Part.SERVING, GRAPH] = dense_graph(model, spec)


def verify_export(objects: Objects, samples: Samples, live: Mapping[str, Floats]) -> float:
    """Answer a batch from the export's bytes alone, as a server would, and compare with the live model.

    Args:
      objects: the base's serving objects.
      samples: a batch.
      live: the live model's probabilities by task, float32 (n,).

    Returns:
      The greatest difference.

    Raises:
      WorldError: it is above ``TOLERANCE``; the base must not be published.
    """
    spec = ModelSpec.from_json(objects[Part.SERVING, MODEL])
    answers = _answer(spec, objects, samples)
    worst = max((float(np.abs(answers[task] - scores).max(initial=0.0)) for task, scores in live.items()), default=0.0)
    if not worst <= TOLERANCE:
        raise WorldError(
            "ExportDiffers",
            f"the export answers {worst:.2e} away from the live model on its last batch, {TOLERANCE:.0e} is allowed; "
            "it is not published",
        )
    return worst


def _answer(spec: ModelSpec, objects: Objects, samples: Samples) -> dict[str, Floats]:
    graph_def = tf.compat.v1.GraphDef()
    graph_def.ParseFromString(objects[Part.SERVING, spec.dense.graph])
    weights = unpack(objects[Part.SERVING, WEIGHTS])
    inputs = {i.name: i for i in spec.inputs}
    feed: dict[str, object] = {
        tensor: _embedded(inputs[name], objects, samples)
        for name, tensor in zip(spec.dense.features, spec.dense.feature_inputs, strict=True)
    }
    feed |= {t: weights[f"weights/{w.name}"] for w, t in zip(spec.weights, spec.dense.weight_inputs, strict=True)}
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            answers = session.run(list(spec.dense.outputs), feed)
    return {output.task: answer for output, answer in zip(spec.outputs, answers, strict=True)}


def _embedded(source: InputSpec, objects: Objects, samples: Samples) -> Floats:
    """Look up and pool one input in plain numpy: (n, width)."""
    column = samples.inputs[source.name]
    if source.table is None:
        return column.astype(np.float32)
    tensors = unpack(objects[Part.SERVING, rows_object(source.table)])
    keys, values = tensors[f"rows/{source.table}/keys"], tensors[f"rows/{source.table}/values"].astype(np.float32)
    ids = tandem_ops.fingerprint(column).numpy() if source.dtype is DType.STRING else column.astype(np.int64)
    rows = np.zeros((*ids.shape, values.shape[1]), np.float32)
    if len(keys):
        at = np.minimum(np.searchsorted(keys, ids), len(keys) - 1)
        rows = np.where((keys[at] == ids)[..., None], values[at], rows)
    if source.pooling is Pooling.NONE:
        return rows.reshape(len(ids), -1)
    padding: object = STRING_PADDING if source.dtype is DType.STRING else INT_PADDING
    present = (column != padding)[..., None]
    pooled: Floats = np.where(present, rows, 0).sum(axis=1, dtype=np.float32)
    return (
        (pooled / np.maximum(present.sum(axis=1), 1)).astype(np.float32) if source.pooling is Pooling.MEAN else pooled
    )


__all__ = ["add_export", "dense_graph", "model_spec", "verify_export"]
