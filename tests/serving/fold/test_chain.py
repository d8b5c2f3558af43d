import pytest
import tensorflow as tf

from tests.serving.fold import running
from tests.serving.fold.test_building import check, dense, head


def steps(build):
    program = check(running.export({"a": 6, "b": 6}, lambda f, w: {"x": head(build(f["a"], f["b"], w), w)}))
    return None if program.chain is None else [step.op for step in program.chain[:-1]], program.no_chain_because


def cube(x):
    return tf.reshape(x, [-1, 2, 3])


CASES = [
    ("columns", lambda a, *_: a[:, 2:5], ["slice"]),
    ("columns from the end", lambda a, *_: a[:, -3:], ["slice"]),
    ("columns by ellipsis", lambda a, *_: a[..., :2], ["slice"]),
    ("one column", lambda a, *_: a[:, 3:4], ["slice"]),
    ("columns of rows", lambda a, *_: tf.reshape(cube(a)[:, :, 1:], [-1, 4]), ["reshape", "slice", "reshape"]),
    ("a tf.slice", lambda a, *_: tf.slice(a, [0, 1], [-1, 3]), ["slice"]),
    ("parts", lambda a, *_: tf.concat(tf.split(a, [1, 5], axis=1)[::-1], axis=1), ["slice", "slice", "concat"]),
    ("unstacked", lambda a, *_: tf.stack(tf.unstack(a, axis=1)[:2], axis=1), ["slice", "slice", "concat"]),
    ("a product with one number per sample", lambda a, b, _: a * b[:, :1], ["slice", "mul"]),
    ("a dot", lambda a, b, _: tf.concat([a, tf.reduce_sum(a * b, 1, keepdims=True)], 1), ["dot", "concat"]),
    ("a dot of what is needed too", lambda a, b, _: tf.concat([a * b, tf.reduce_sum(a * b, 1, keepdims=True)], 1),
     ["mul", "dot", "concat"]),
    ("an activation after a product alone", lambda a, _, w: tf.sigmoid(dense(a, w, 3)), ["dense"]),
    ("an activation of what others read", lambda a, _, w: tf.concat([y := dense(a, w, 3), tf.nn.relu(y)], 1),
     ["dense", "relu", "concat"]),
    ("every second column", lambda a, *_: a[:, ::2], "do not stand side by side"),
    ("columns turned around", lambda a, *_: a[:, ::-1], "do not stand side by side"),
    ("rows of a sample", lambda a, *_: cube(a)[:, 1], "another axis than the last"),
    ("fields side by side the other way", lambda a, b, _: tf.reshape(tf.concat([cube(a), cube(b)], 1), [-1, 12]),
     "concatenates along another axis"),
    ("attention", lambda a, b, _: tf.reshape(tf.matmul(cube(a), cube(b), transpose_b=True), [-1, 4]), "BatchMatMulV2"),
    ("weights for each row of a sample", lambda a, _, w: tf.reshape(tf.tanh(cube(a)) + w(2, 3), [-1, 6]), "Tanh"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_steps(build, expected):
    found, why = steps(build)
    if isinstance(expected, str):
        assert found is None
        assert expected in why
    else:
        assert found == expected, why
