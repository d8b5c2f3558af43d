"""Runs an export, its program by TensorFlow, and a chain in NumPy, on the same random weights and batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tandem_serving.fold.program import Program
from tandem_serving.fold.steps import Step
from tandem_wire.model import DenseSpec, DType, InputSpec, ModelSpec, OutputSpec, Pooling, WeightSpec
from tensorflow.core.framework import graph_pb2

Floats = npt.NDArray[np.float32]
Build = Callable[[dict[str, tf.Tensor], Callable[..., tf.Tensor]], Mapping[str, tf.Tensor]]


@dataclass
class Exported:
    """An export as the trainer writes it, and values for its weights."""

    spec: ModelSpec
    graph: bytes
    weights: list[Floats]


def export(features: Mapping[str, int], build: Build, seed: int = 0) -> Exported:
    """Build a graph with weights as placeholders.

    Args:
      features: width by name.
      build: gets the features, and ``weight(*shape, kind)``, which makes one weight; returns logits or answers by name.
      seed: of the weights.
    """
    random = np.random.default_rng(seed)
    values: list[Floats] = []
    with tf.Graph().as_default() as graph:

        def weight(*shape: int, kind: str = "plain") -> tf.Tensor:
            drawn = random.normal(size=shape) / np.sqrt(shape[0] if len(shape) > 1 else 1)
            value = np.abs(drawn) + 0.5 if kind == "variance" else drawn
            values.append(value.astype(np.float32))
            return tf.compat.v1.placeholder(tf.float32, shape, f"weight_{len(values) - 1}")

        given = {
            name: tf.compat.v1.placeholder(tf.float32, [None, width], f"feature_{i}")
            for i, (name, width) in enumerate(features.items())
        }
        answers = build(given, weight)
        for i, answer in enumerate(answers.values()):
            tf.identity(answer, f"output_{i}")
        data = graph.as_graph_def().SerializeToString(deterministic=True)
    spec = ModelSpec(
        name="m",
        inputs=tuple(InputSpec(name, DType.FLOAT32, None, Pooling.NONE, width) for name, width in features.items()),
        tables=(),
        weights=tuple(WeightSpec(f"w{i}", value.shape) for i, value in enumerate(values)),
        dense=DenseSpec(
            "dense.graph.pb",
            tuple(features),
            tuple(f"feature_{i}:0" for i in range(len(features))),
            tuple(f"weight_{i}:0" for i in range(len(values))),
            tuple(f"output_{i}:0" for i in range(len(answers))),
        ),
        outputs=tuple(OutputSpec(name, DType.FLOAT32, name) for name in answers),
    )
    return Exported(spec, data, values)


def batch(spec: ModelSpec, rows: int, seed: int = 1) -> list[Floats]:
    random = np.random.default_rng(seed)
    widths = {given.name: spec.width(given) for given in spec.inputs}
    return [random.normal(size=(rows, widths[name])).astype(np.float32) for name in spec.dense.features]


def run(graph: bytes, feeds: Mapping[str, Floats], fetches: Sequence[str]) -> list[Floats]:
    """Run a GraphDef once."""
    definition = graph_pb2.GraphDef.FromString(graph)
    with tf.Graph().as_default() as scope:
        tf.import_graph_def(definition, name="")
        with tf.compat.v1.Session(graph=scope) as session:
            answers: list[Floats] = session.run(list(fetches), dict(feeds))
    return answers


def original(exported: Exported, features: Sequence[Floats]) -> list[Floats]:
    dense = exported.spec.dense
    feeds = dict(zip(dense.feature_inputs, features, strict=True)) | dict(
        zip(dense.weight_inputs, exported.weights, strict=True)
    )
    return run(exported.graph, feeds, dense.outputs)


def slots(program: Program, weights: Sequence[Floats]) -> list[Floats]:
    """Make the slots of a version: run the fold graph once."""
    made: list[Floats] = []
    if program.fold is not None:
        feeds = {given.tensor: weights[given.weight] for given in program.fold.inputs}
        made = run(program.graphs[program.fold.graph], feeds, program.fold.outputs)
    found = [made[s.fold] if s.fold is not None else weights[s.weight or 0] for s in program.slots]
    for slot, value in zip(program.slots, found, strict=True):
        assert value.shape == slot.shape, slot
    return found


def rest(program: Program, features: Sequence[Floats], made: Sequence[Floats]) -> list[Floats]:
    feeds = dict(zip(program.rest.features, features, strict=True)) | dict(zip(program.rest.slots, made, strict=True))
    return run(program.graphs[program.rest.graph], feeds, program.rest.outputs)


def chain(program: Program, features: Sequence[Floats], made: Sequence[Floats]) -> list[Floats]:
    """Run the chain in NumPy, as steps.py describes it."""
    values = {f"f:{feature.name}": x for feature, x in zip(program.features, features, strict=True)}
    values |= {f"s:{i}": x for i, x in enumerate(made)}
    for step in program.chain or ():
        values[step.out] = _step(step, values)
    return [values[f"v:{name}"][:, 0] for name in program.outputs]


def _step(step: Step, values: Mapping[str, Floats]) -> Floats:
    a, *more = [values[ref] for ref in step.inputs]
    b = more[0] if more else a
    if step.inputs[-1].startswith("s:"):
        b = b.reshape(1, -1)
    if step.op == "dense":
        made = a @ values[step.kernel or ""]
        return _ACTIVATIONS[step.activation or "none"](made if step.bias is None else made + values[step.bias])
    begin, size, width = step.begin or 0, step.size or 0, step.width or 0
    rules: dict[str, Callable[[], Floats]] = {
        "concat": lambda: np.concatenate([a, *more], axis=1),
        "add": lambda: a + b,
        "mul": lambda: a * b,
        "dot": lambda: (a * b).sum(axis=1, keepdims=True),
        "slice": lambda: a[:, begin : begin + size],
        "reshape": lambda: a.reshape(-1, width),
        "relu": lambda: _ACTIVATIONS["relu"](a),
        "sigmoid": lambda: _ACTIVATIONS["sigmoid"](a),
    }
    return rules[step.op]()


_ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "sigmoid": lambda x: (1 / (1 + np.exp(-x))).astype(np.float32),
}


def nodes(graph: bytes) -> int:
    return len(graph_pb2.GraphDef.FromString(graph).node)


def operations(graph: bytes) -> list[str]:
    return sorted(node.op for node in graph_pb2.GraphDef.FromString(graph).node)
