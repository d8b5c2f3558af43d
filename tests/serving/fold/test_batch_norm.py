"""S2, rule by rule: what is left of a few nodes, and that it answers the same."""

from collections import Counter

import pytest
import tensorflow as tf

from tests.serving.fold import running
from tests.serving.fold.test_building import PLUMBING, check

raw = tf.raw_ops


def left(build):
    """Return the operations that the rest keeps."""
    program = check(running.export({"a": 4}, lambda f, w: {"x": build(f["a"], w)}))
    return Counter(op for op in running.operations(program.graphs["rest.pb"]) if op not in PLUMBING)


def shared(x, w):
    """A product that two things read: only one of them is scaled."""
    y = tf.matmul(x, w(4, 3))
    return tf.concat([tf.nn.relu(y * w(3)), tf.nn.relu(y)], axis=1)


def shared_scale(x, w):
    """A scale that two products and an activation read goes into both products, and stays for the activation."""
    y = tf.nn.relu(x) * w(4)
    return tf.concat([tf.nn.relu(tf.matmul(y, w(4, 3))), tf.matmul(y, w(4, 2)), tf.tanh(y)], axis=1)


def channels_last(x, w):
    y = tf.reshape(tf.matmul(x, w(4, 6)), [-1, 1, 2, 3])
    made = raw.FusedBatchNormV3(
        x=y, scale=w(3), offset=w(3), mean=w(3), variance=w(3, kind="variance"), is_training=False
    )
    return tf.reshape(tf.nn.relu(made.y), [-1, 6])


def by_the_batch(x, w):
    """In training the statistics are the batch's own, which no weights tell."""
    y = tf.reshape(x, [-1, 1, 1, 4])
    made = raw.FusedBatchNormV3(x=y, scale=w(4), offset=w(4), mean=w(4), variance=w(4), is_training=True)
    return tf.reshape(made.y, [-1, 4])


CASES = [
    ("a scale after a product", lambda x, w: tf.matmul(x, w(4, 3)) * w(3), {"MatMul": 1}),
    ("a scalar after a product", lambda x, w: tf.matmul(x, w(4, 3)) * w() * 2.0, {"MatMul": 1}),
    ("a scale before", lambda x, w: tf.matmul(x * w(1, 4), w(4, 3)), {"MatMul": 1}),
    ("a scalar before", lambda x, w: tf.matmul(w() * x, w(4, 3)), {"MatMul": 1}),
    ("a shift before", lambda x, w: tf.matmul(x + w(4), w(4, 3)), {"MatMul": 1, "AddV2": 1}),
    ("two shifts", lambda x, w: w(3) + (tf.matmul(x, w(4, 3)) - w(1, 3)), {"MatMul": 1, "AddV2": 1}),
    ("the sign turned", lambda x, w: w(3) - tf.matmul(x, w(4, 3)), {"MatMul": 1, "AddV2": 1}),
    ("a shift, then a scale", lambda x, w: (tf.matmul(x, w(4, 3)) + w(3)) * w(3), {"MatMul": 1, "AddV2": 1}),
    ("never through an activation", lambda x, w: tf.nn.relu(tf.matmul(x, w(4, 3))) * w(3),
     {"MatMul": 1, "Relu": 1, "Mul": 1}),
    ("a product that others read", shared, {"MatMul": 1, "Mul": 1, "Relu": 2, "ConcatV2": 1}),
    ("a scale that others read", shared_scale, {"MatMul": 2, "Mul": 1, "Relu": 2, "Tanh": 1, "ConcatV2": 1}),
    ("two layers without activation", lambda x, w: tf.matmul(tf.matmul(x, w(4, 3)) + w(3), w(3, 2)),
     {"MatMul": 2, "AddV2": 1}),
    ("a product of two products", lambda x, w: tf.matmul(tf.matmul(x, w(4, 3)), w(3, 3)) * tf.matmul(x, w(4, 3)),
     {"MatMul": 3, "Mul": 1}),
    ("the fused operation", channels_last, {"MatMul": 1, "AddV2": 1, "Relu": 1}),
    ("the fused operation in training", by_the_batch, {"FusedBatchNormV3": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("build", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_what_is_left(build, expected):
    assert left(build) == expected
