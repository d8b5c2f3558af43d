"""The model that servers are compared on, with random weights: 26 ids of dim 16, 13 numbers, MLP 512-256-128.

Batch norm on the input and before each activation, so four of them, and two heads, CTR and CVR: 0.80 MFLOP per sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tandem_wire.model import DenseSpec, DType, Group, InputSpec, ModelSpec, OutputSpec, Pooling, TableSpec, WeightSpec

Floats = npt.NDArray[np.float32]

IDS: Final = 26
DIM: Final = 16
NUMBERS: Final = 13
HIDDEN: Final = (512, 256, 128)
TASKS: Final = ("ctr", "cvr")
EPSILON: Final = 1e-3
INPUTS: Final = (
    InputSpec("ids", DType.INT64, "ids", Pooling.NONE, IDS),
    InputSpec("numbers", DType.FLOAT32, None, Pooling.NONE, NUMBERS),
)
_NORM: Final = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A base's dense part: model.json, ``dense.graph.pb``, and the weights in the order of model.json."""

    spec: ModelSpec
    graph: bytes
    weights: dict[str, Floats]


def served_model(seed: int, inputs: Sequence[InputSpec] = INPUTS) -> ServedModel:
    """Build the model; weights are drawn from ``seed`` and keep activations near unit size.

    Args:
      seed: of the weights.
      inputs: in the order in which the first layer reads them; together ``IDS`` ids and ``NUMBERS`` numbers.
    """
    weights = served_weights(seed)
    spec = ModelSpec(
        name="served",
        inputs=tuple(inputs),
        tables=(TableSpec("ids", DIM, Group.CHANGING),),
        weights=tuple(WeightSpec(name, weight.shape) for name, weight in weights.items()),
        dense=DenseSpec(
            "dense.graph.pb",
            tuple(each.name for each in inputs),
            tuple(f"feature_{i}:0" for i in range(len(inputs))),
            tuple(f"weight_{i}:0" for i in range(len(weights))),
            tuple(f"output_{i}:0" for i in range(len(TASKS))),
        ),
        outputs=tuple(OutputSpec(task, DType.FLOAT32, task) for task in TASKS),
    )
    return ServedModel(spec, _graph(spec), weights)


def served_weights(seed: int) -> dict[str, Floats]:
    """Draw the weights of the model, in the order of its model.json."""
    random = np.random.default_rng(seed)
    return {name: _draw(random, name, shape) for name, shape in _shapes().items()}


def rows(seed: int, keys: npt.NDArray[np.int64]) -> Floats:
    """Draw the embedding rows of these keys, float32 of shape (keys, ``DIM``)."""
    return np.random.default_rng(seed).normal(0, 0.3, (len(keys), DIM)).astype(np.float32)


def _shapes() -> dict[str, tuple[int, ...]]:
    width = IDS * DIM + NUMBERS
    shapes: dict[str, tuple[int, ...]] = {f"input/{part}": (width,) for part in _NORM}
    for i, hidden in enumerate(HIDDEN):
        shapes |= {f"{i}/kernel": (width, hidden), f"{i}/bias": (hidden,)}
        shapes |= {f"{i}/{part}": (hidden,) for part in _NORM}
        width = hidden
    for task in TASKS:
        shapes |= {f"{task}/kernel": (width, 1), f"{task}/bias": (1,)}
    return shapes


def _draw(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> Floats:
    part = name.rpartition("/")[2]
    if part in ("gamma", "moving_variance"):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    spread = np.sqrt(2 / shape[0]) if part == "kernel" else 0.1
    return random.normal(0, spread, shape).astype(np.float32)


def _graph(spec: ModelSpec) -> bytes:
    with tf.Graph().as_default() as graph:
        placeholder = tf.compat.v1.placeholder
        weights = {w.name: placeholder(tf.float32, w.shape, f"weight_{i}") for i, w in enumerate(spec.weights)}
        features = [
            placeholder(tf.float32, [None, each.length * (1 if each.table is None else DIM)], f"feature_{i}")
            for i, each in enumerate(spec.inputs)
        ]
        x = _norm(tf.concat(features, axis=1), weights, "input")
        for i in range(len(HIDDEN)):
            x = tf.nn.relu(_norm(_dense(x, weights, str(i)), weights, str(i)))
        for i, task in enumerate(TASKS):
            tf.sigmoid(tf.squeeze(_dense(x, weights, task), axis=1), name=f"output_{i}")
        data: bytes = graph.as_graph_def().SerializeToString(deterministic=True)
    return data


def _dense(x: tf.Tensor, weights: dict[str, tf.Tensor], name: str) -> tf.Tensor:
    return tf.nn.bias_add(tf.matmul(x, weights[f"{name}/kernel"]), weights[f"{name}/bias"])


def _norm(x: tf.Tensor, weights: dict[str, tf.Tensor], name: str) -> tf.Tensor:
    gamma, beta, mean, variance = (weights[f"{name}/{part}"] for part in _NORM)
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)
