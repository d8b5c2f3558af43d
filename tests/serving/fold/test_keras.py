"""Graphs as Keras 3 writes them, weights and moving statistics being arguments."""

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.fold import running
from tests.serving.fold.test_building import check

keras = tf.keras
layers = keras.layers


def exported(model):
    """Export a model with random weights in the places of its own."""

    def build(features, weight):
        def drawn(variables):
            return [weight(*v.shape, kind="variance" if v.name == "moving_variance" else "plain") for v in variables]

        answers, _ = model.stateless_call(
            drawn(model.trainable_variables),
            drawn(model.non_trainable_variables),
            list(features.values()),
            training=False,
        )
        answers = answers if isinstance(answers, list) else [answers]
        return {f"head{i}": answer for i, answer in enumerate(answers)}

    return running.export({f"in{i}": given.shape[-1] for i, given in enumerate(model.inputs)}, build)


def heads(x, count):
    return [layers.Flatten()(layers.Dense(1, activation="sigmoid")(x)) for _ in range(count)]


def clicks():
    given = [keras.Input((20,)), keras.Input((3,))]
    x = layers.BatchNormalization()(layers.Concatenate()(given))
    for width in (16, 8, 4):
        x = layers.Dropout(0.1)(layers.ReLU()(layers.BatchNormalization()(layers.Dense(width)(x))))
    return keras.Model(given, heads(x, 2))


def sequence():
    given = [keras.Input((60,))]
    x = layers.Reshape((10, 6))(given[0])
    for width in (8, 6, 4):
        x = layers.BatchNormalization()(layers.Dense(width, activation="relu")(x))
    return keras.Model(given, heads(layers.Flatten()(x), 1))


def interest():
    """Attention over a sequence: not foldable as a whole, and still a program."""
    given = [keras.Input((60,))]
    x = layers.Reshape((10, 6))(given[0])
    x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 3)(x, x))
    return keras.Model(given, heads(layers.GlobalAveragePooling1D()(x), 1))


MODELS = [
    ("clicks", clicks, 29, ["concat", "dense", "dense", "dense", "dense", "dense"]),
    ("sequence", sequence, 25, ["reshape", "dense", "dense", "dense", "reshape", "dense"]),
    ("interest", interest, None, None),
]


@pytest.mark.parametrize(("model", "nodes", "steps"), [row[1:] for row in MODELS], ids=[row[0] for row in MODELS])
def test_models_of_keras(model, nodes, steps):
    keras.utils.set_random_seed(0)
    given = exported(model())
    program = check(given)
    rest = running.nodes(program.graphs["rest.pb"])
    assert rest < running.nodes(given.graph)
    assert nodes in (None, rest)
    assert steps == (None if program.chain is None else [step.op for step in program.chain])
    assert all(np.prod(slot.shape) > 0 for slot in program.slots)
