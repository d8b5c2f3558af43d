"""A user's features come first where only dense layers read them, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tandem_wire.model import Side

from tests.serving.fold import running
from tests.serving.fold.test_building import check, dense, head, norm

WIDTHS = {"a": 3, "u": 4, "b": 2, "v": 5}
USERS = frozenset("uv")


def sided(exported, users=USERS):
    inputs = tuple(replace(i, side=Side.USER if i.name in users else Side.ITEM) for i in exported.spec.inputs)
    return running.Exported(replace(exported.spec, inputs=inputs), exported.graph, exported.weights)


def both(f):
    return tf.concat(list(f.values()), axis=1)


def plain(f, weight):
    x = tf.nn.relu(norm(dense(both(f), weight, 8), weight))
    return {"ctr": head(x, weight), "cvr": head(x, weight)}


def wide(f, weight):
    x = both(f)
    deep = dense(tf.nn.relu(norm(dense(x, weight, 8), weight)), weight, 1, bias=False)
    return {"ctr": tf.squeeze(tf.sigmoid(deep + dense(x, weight, 1)), axis=1)}


def towers(f, weight):
    user = tf.nn.relu(dense(tf.concat([f["u"], f["v"]], 1), weight, 6))
    item = tf.nn.relu(dense(tf.concat([f["a"], f["b"]], 1), weight, 6))
    return {"ctr": head(tf.nn.relu(dense(tf.concat([item, user], 1), weight, 4)), weight)}


def read_otherwise(f, weight):
    x = both(f)
    return {"ctr": tf.squeeze(tf.sigmoid(dense(x, weight, 1) + tf.reduce_sum(x * x, axis=1, keepdims=True)), axis=1)}


def first(program):
    return next(step for step in program.chain if step.op == "concat").inputs


@pytest.mark.parametrize("build", [plain, wide, towers, read_otherwise])
@pytest.mark.parametrize("users", [USERS, frozenset("a"), frozenset("v"), frozenset(WIDTHS), frozenset()])
def test_answers_stay(build, users):
    check(sided(running.export(WIDTHS, build), users))


@pytest.mark.parametrize(
    ("build", "users", "order"),
    [
        (plain, "uv", "uvab"),
        (wide, "uv", "uvab"),
        (plain, "v", "vaub"),
        (plain, "a", "aubv"),
        (plain, "", "aubv"),
        (plain, "aubv", "aubv"),
        (read_otherwise, "uv", "aubv"),
    ],
)
def test_order(build, users, order):
    program = check(sided(running.export(WIDTHS, build), users))
    assert first(program) == tuple(f"f:{name}" for name in order)


def test_what_hangs_on_users_alone_is_the_users():
    program = check(sided(running.export(WIDTHS, towers)))
    joined = [step.inputs for step in program.chain if step.op == "concat"][-1]
    user_tower = next(step.out for step in program.chain if step.op == "dense" and "f:u" in _sources(program, step))
    assert joined[0] == user_tower


def _sources(program, step):
    made = {other.out: other for other in program.chain}
    found, waiting = set(), list(step.inputs)
    while waiting:
        ref = waiting.pop()
        found.add(ref)
        waiting += made[ref].inputs if ref in made else ()
    return found


def test_live_weights_go_through_the_new_order():
    exported = sided(running.export(WIDTHS, plain))
    program = check(exported)
    changed = [np.float32(2) * w for w in exported.weights]
    features = running.batch(exported.spec, 6)
    expected = running.original(running.Exported(exported.spec, exported.graph, changed), features)
    answers = running.chain(program, features, running.slots(program, changed))
    for answer, right in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer, right, rtol=1e-5, atol=1e-5)
