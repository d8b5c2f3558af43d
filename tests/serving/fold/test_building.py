import re
from operator import itemgetter

import numpy as np
import pytest
import tensorflow as tf
from tandem_serving.fold import Program, fold

from tests.serving.fold import running

WIDE = 1e-5


def check(exported, rows=5):
    """Fold an export and compare it with the original: rest graph, chain, and program.json read back."""
    program = fold(exported.spec, exported.graph)
    assert Program.from_files(program.files()) == program
    for count in (rows, 1):
        features = running.batch(exported.spec, count)
        expected, made = running.original(exported, features), running.slots(program, exported.weights)
        for answer, right in zip(running.rest(program, features, made), expected, strict=True):
            np.testing.assert_allclose(answer, right, rtol=WIDE, atol=WIDE)
        if program.chain is not None:
            for answer, right in zip(running.chain(program, features, made), expected, strict=True):
                np.testing.assert_allclose(answer, right.ravel(), rtol=WIDE, atol=WIDE)
    return program


def norm(x, weight):
    width = x.shape[-1]
    return tf.nn.batch_normalization(
        x, weight(width), weight(width, kind="variance"), weight(width), weight(width), 1e-3
    )


def dense(x, weight, width, *, bias=True):
    kernel = weight(x.shape[-1], width)
    y = tf.tensordot(x, kernel, 1) if x.shape.rank > 2 else tf.matmul(x, kernel)
    return tf.nn.bias_add(y, weight(width)) if bias else y


def head(x, weight):
    return tf.squeeze(tf.sigmoid(dense(x, weight, 1)), axis=1)


def both(f):
    return tf.concat(list(f.values()), axis=1)


def norm_first(f, weight):
    x = norm(both(f), weight)
    for width in (8, 4):
        x = tf.nn.relu(norm(dense(x, weight, width), weight))
    return {"ctr": head(x, weight), "cvr": head(x, weight)}


def norm_last(f, weight):
    x = both(f)
    for width in (8, 4):
        x = norm(tf.nn.relu(dense(x, weight, width, bias=False)), weight)
    return {"ctr": head(x, weight), "cvr": head(x, weight)}


def norm_of_a_part(f, weight):
    x = tf.concat([norm(f["a"], weight), f["b"]], axis=1)
    return {"ctr": head(tf.nn.relu(dense(x, weight, 4)), weight)}


def wide(f, weight):
    x = both(f)
    deep = tf.squeeze(dense(tf.nn.relu(norm(dense(x, weight, 4), weight)), weight, 1), axis=1)
    return {"ctr": tf.sigmoid(deep + tf.squeeze(tf.matmul(x, weight(x.shape[1], 1)), axis=1))}


def transposed(f, weight):
    x = tf.matmul(both(f), weight(4, 7), transpose_b=True)
    return {"ctr": head(tf.nn.relu((x - weight(1, 4)) / weight(4, kind="variance")), weight)}


def whole_space(f, weight):
    ctr, cvr = head(both(f), weight), head(f["a"], weight)
    return {"ctr": ctr, "both": ctr * cvr}


def stack(f, weight):
    x = tf.reshape(f["a"], [-1, 2, 2])
    for width in (5, 4, 3):
        x = norm(tf.nn.relu(dense(x, weight, width)), weight)
    return {"ctr": head(tf.reshape(x, [-1, 6]), weight)}


def batched(f, weight):
    x = tf.reshape(f["a"], [-1, 2, 2])
    x = tf.nn.relu(tf.raw_ops.BatchMatMulV2(x=x, y=weight(2, 3)) + weight(3))
    x = tf.raw_ops.BatchMatMulV2(x=x, y=weight(4, 3), adj_y=True)
    return {"ctr": head(tf.reshape(x, [-1, 8]), weight)}


def slices(f, weight):
    a, b = tf.split(dense(both(f), weight, 6), 2, axis=1)
    c = tf.nn.relu(dense(both(f), weight, 6))
    x = tf.concat([a * b, c[:, 1:4], tf.reduce_sum(a * c[:, :3], axis=1, keepdims=True)], axis=1)
    return {"ctr": head(x, weight), "cvr": tf.sigmoid(tf.reduce_sum(a * b, axis=1) + c[:, 5])}


@tf.function
def layer(x, kernel, scale):
    @tf.custom_gradient
    def twice(y):
        return 2.0 * y, lambda dy: 2.0 * dy

    return twice(inner(x, kernel)) * scale, tf.shape(x)


@tf.function
def inner(x, kernel):
    parts = tf.split(tf.matmul(x, kernel), 2, axis=1)
    return tf.nn.relu(parts[1])


def functions(f, weight):
    x, shape = layer(both(f), weight(7, 8), weight(4))
    x = tf.ensure_shape(tf.reshape(x, [shape[0], 4]), [None, 4])
    return {"ctr": head(x, weight)}


def factorization_machine(f, weight):
    fields = tf.reshape(f["a"], [-1, 2, 2])
    linear = tf.reduce_sum(both(f) * weight(7), axis=1)
    pairs = tf.square(tf.reduce_sum(fields, axis=1)) - tf.reduce_sum(tf.square(fields), axis=1)
    return {"ctr": tf.sigmoid(linear + 0.5 * tf.reduce_sum(pairs, axis=1) + weight())}


def cross(f, weight):
    x = start = both(f)
    for _ in range(2):
        x = start * tf.matmul(x, weight(7, 1)) + weight(7) + x
    return {"ctr": head(tf.maximum(x, 0.0), weight)}


def pooled(f, weight):
    words = tf.nn.relu(dense(tf.reshape(f["a"], [-1, 2, 2]), weight, 3))
    x = tf.stack([tf.reduce_mean(words, axis=[1, 2]), tf.reduce_sum(f["b"], axis=1)], axis=1)
    return {"ctr": head(tf.concat([x, tf.reduce_mean(words, axis=1)], axis=1), weight)}


CHAINS = [
    # name, build, operations of the rest that are left besides inputs, constants and shapes
    ("batch norm before activations", norm_first, {"ConcatV2": 1, "MatMul": 4, "AddV2": 4, "Relu": 2, "Sigmoid": 2}),
    ("batch norm after activations", norm_last, {"ConcatV2": 1, "MatMul": 4, "AddV2": 3, "Relu": 2, "Sigmoid": 2}),
    ("batch norm of a part", norm_of_a_part, {"ConcatV2": 1, "MatMul": 2, "AddV2": 2, "Relu": 1, "Sigmoid": 1}),
    ("a wide unit", wide, {"ConcatV2": 1, "MatMul": 3, "AddV2": 3, "Relu": 1, "Sigmoid": 1}),
    ("transposed, subtracted, divided", transposed, {"ConcatV2": 1, "MatMul": 2, "AddV2": 2, "Relu": 1, "Sigmoid": 1}),
    ("a product of answers", whole_space, {"ConcatV2": 1, "MatMul": 2, "AddV2": 2, "Sigmoid": 2, "Mul": 1}),
    (
        "a factorization machine",
        factorization_machine,
        {"ConcatV2": 1, "MatMul": 4, "Mul": 2, "AddV2": 3, "Sigmoid": 1},
    ),
    ("a cross network", cross, {"ConcatV2": 1, "MatMul": 3, "Mul": 2, "AddV2": 5, "Relu": 1, "Sigmoid": 1}),
    ("pooled words", pooled, {"MatMul": 5, "AddV2": 2, "Relu": 1, "ConcatV2": 1, "Sigmoid": 1}),
    ("tensordot", stack, {"MatMul": 4, "AddV2": 4, "Relu": 3, "Sigmoid": 1}),
    ("functions", functions, {"ConcatV2": 1, "MatMul": 2, "Split": 1, "Relu": 1, "AddV2": 1, "Sigmoid": 1}),
    ("BatchMatMulV2", batched, {"MatMul": 3, "AddV2": 2, "Relu": 1, "Sigmoid": 1}),
]
PLUMBING = ("Placeholder", "Const", "Reshape")


@pytest.mark.parametrize(("build", "expected"), [row[1:] for row in CHAINS], ids=[row[0] for row in CHAINS])
def test_what_is_left(build, expected):
    program = check(running.export({"a": 4, "b": 3}, build))
    left = [op for op in running.operations(program.graphs["rest.pb"]) if op not in PLUMBING]
    assert {op: left.count(op) for op in left} == expected
    assert program.chain is not None, program.no_chain_because


def test_a_stack_is_reshaped_once_around():
    program = check(running.export({"a": 4, "b": 3}, stack))
    assert running.operations(program.graphs["rest.pb"]).count("Reshape") == 3  # in, flattened, and to (batch,)
    assert [step.op for step in program.chain or ()] == ["reshape", "dense", "dense", "dense", "reshape", "dense"]


def test_slices_and_dots():
    program = check(running.export({"a": 4, "b": 3}, slices))
    assert program.chain is not None, program.no_chain_because
    assert sorted({step.op for step in program.chain}) == ["add", "concat", "dense", "dot", "mul", "sigmoid", "slice"]


NO_CHAINS = [
    ("another activation", lambda f, w: {"ctr": head(tf.tanh(both(f)), w)}, "operation Tanh .*none that a chain has"),
    ("two numbers per sample", lambda f, w: {"ctr": dense(both(f), w, 2)}, "ctr has more than one number per sample"),
    ("an input as it is", lambda f, _: {"ctr": f["one"]}, "ctr is an input"),
    ("one answer twice", lambda f, w: {"a": (x := head(both(f), w)), "b": x}, "b is an input, a weight or another"),
    ("only weights", lambda _, w: {"ctr": w(3) * 2.0}, "ctr is an input, a weight"),
    ("rows mixed", lambda f, w: {"ctr": head(both(f) + tf.reverse(both(f), [0]), w)}, "operation ReverseV2"),
    ("a batch of its own", lambda f, w: {"ctr": tf.reduce_sum(head(both(f), w), axis=0)}, "sums something else"),
]


@pytest.mark.parametrize(("build", "why"), [row[1:] for row in NO_CHAINS], ids=map(itemgetter(0), NO_CHAINS))
def test_what_is_no_chain_says_why_and_is_still_a_program(build, why):
    program = check(running.export({"one": 1, "b": 3}, build))
    assert program.chain is None
    assert re.search(why, program.no_chain_because)
