"""How far answers are off that mix new weights with an older fold: ``python -m bench.serving.interval_error``.

The model of ``model.py`` learns a random teacher's labels. After every few steps its weights are an update. Asked right
after it, a server that folds once per version answers by the new weights; one that caches the fold for an interval
answers by the new weights and the old fold; one that has not applied the update answers by the old weights.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tandem_serving.fold.building import cached_only
from tandem_serving.fold.program import Program
from tensorflow.core.framework import graph_pb2

from bench.serving.model import DIM, EPSILON, HIDDEN, IDS, NUMBERS, TASKS, ServedModel, served_model

Floats = npt.NDArray[np.float32]
Weights = Mapping[str, Floats]

_STEPS_BEFORE, _STEPS_BETWEEN, _UPDATES = 300, 20, 10
_BATCH, _ASKED, _RATE, _MOMENTUM = 512, 2048, 1e-3, 0.99


def main() -> None:
    """Train, ask, print."""
    model, teacher = served_model(1), served_model(2)
    program = cached_only(model.spec, model.graph)
    versions = _train(model, teacher)
    asked = _features(np.random.default_rng(3), _ASKED)
    mixed: list[float] = []
    stale: list[float] = []
    for old, new in pairwise(versions):
        before, after = _slots(program, list(old.values())), _slots(program, list(new.values()))
        both = [b if slot.weight is not None else a for slot, a, b in zip(program.slots, before, after, strict=True)]
        right = _answers(program, asked, after)
        mixed.append(_mean_distance(_answers(program, asked, both), right))
        stale.append(_mean_distance(_answers(program, asked, before), right))
    print(f"updates of {_STEPS_BETWEEN} steps, mean |answer - right| over {len(mixed)} updates, {_ASKED} samples:")  # noqa: T201
    print(f"  new weights with the old fold {np.mean(mixed):.4f} ({min(mixed):.4f} to {max(mixed):.4f})")  # noqa: T201
    print(f"  old weights with the old fold {np.mean(stale):.4f} ({min(stale):.4f} to {max(stale):.4f})")  # noqa: T201


def _features(random: np.random.Generator, rows: int) -> list[Floats]:
    ids = random.normal(0, 0.3, (rows, IDS * DIM))
    return [ids.astype(np.float32), random.normal(0, 1, (rows, NUMBERS)).astype(np.float32)]


def _train(model: ServedModel, teacher: ServedModel) -> Sequence[Weights]:
    variables = {name: tf.Variable(value) for name, value in model.weights.items()}
    trained = [v for name, v in variables.items() if "moving" not in name]
    optimizer = tf.keras.optimizers.Adam(_RATE)
    optimizer.build(trained)
    random = np.random.default_rng(0)
    versions: list[Weights] = []

    def step(x: tf.Tensor, labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits, moving = _forward(variables, x)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))
        optimizer.apply_gradients(zip(tape.gradient(loss, trained), trained, strict=True))
        for name, value in moving.items():
            variables[name].assign(_MOMENTUM * variables[name] + (1 - _MOMENTUM) * value)

    compiled: Callable[[tf.Tensor, tf.Tensor], None] = tf.function(step)
    taught = {name: tf.constant(value) for name, value in teacher.weights.items()}
    for i in range(_STEPS_BEFORE + _STEPS_BETWEEN * _UPDATES + 1):
        if i >= _STEPS_BEFORE and (i - _STEPS_BEFORE) % _STEPS_BETWEEN == 0:
            versions.append({name: variable.numpy() for name, variable in variables.items()})
        x = tf.constant(np.concatenate(_features(random, _BATCH), axis=1))
        logits, _ = _forward(taught, x)
        compiled(x, tf.cast(random.uniform(size=logits.shape) < tf.sigmoid(3 * logits).numpy(), tf.float32))
    return versions


def _forward(weights: Mapping[str, tf.Tensor], x: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    moving: dict[str, tf.Tensor] = {}

    def norm(x: tf.Tensor, name: str) -> tf.Tensor:
        mean, variance = tf.nn.moments(x, axes=[0])
        moving[f"{name}/moving_mean"], moving[f"{name}/moving_variance"] = mean, variance
        gamma, beta = weights[f"{name}/gamma"], weights[f"{name}/beta"]
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)

    def dense(x: tf.Tensor, name: str) -> tf.Tensor:
        return tf.matmul(x, weights[f"{name}/kernel"]) + weights[f"{name}/bias"]

    x = norm(x, "input")
    for i in range(len(HIDDEN)):
        x = tf.nn.relu(norm(dense(x, str(i)), str(i)))
    return tf.concat([dense(x, task) for task in TASKS], axis=1), moving


def _slots(program: Program, weights: Sequence[Floats]) -> list[Floats]:
    if program.fold is None:
        raise AssertionError("batch norm hangs on weights, so that there is a fold graph")
    given = {source.tensor: weights[source.weight] for source in program.fold.inputs}
    made = _run(program.graphs[program.fold.graph], given, program.fold.outputs)
    return [weights[slot.weight] if slot.weight is not None else made[slot.fold or 0] for slot in program.slots]


def _answers(program: Program, features: Sequence[Floats], slots: Sequence[Floats]) -> list[Floats]:
    given = dict(zip(program.rest.features, features, strict=True)) | dict(zip(program.rest.slots, slots, strict=True))
    return _run(program.graphs[program.rest.graph], given, program.rest.outputs)


def _run(graph: bytes, given: Mapping[str, Floats], outputs: Sequence[str]) -> list[Floats]:
    with tf.Graph().as_default() as scope:
        tf.import_graph_def(graph_pb2.GraphDef.FromString(graph), name="")
        with tf.compat.v1.Session(graph=scope) as session:
            answers: list[Floats] = session.run(list(outputs), dict(given))
    return answers


def _mean_distance(answers: Sequence[Floats], right: Sequence[Floats]) -> float:
    return float(np.mean([np.abs(a - b).mean() for a, b in zip(answers, right, strict=True)]))


if __name__ == "__main__":
    main()
