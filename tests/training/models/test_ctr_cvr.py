import numpy as np
import pytest
import tensorflow as tf
from tandem_training.errors import UserError
from tandem_training.models.ctr_cvr import CtrCvr, build

TASKS = ["ctr", "cvr"]


def inputs(model: CtrCvr, count: int = 32) -> dict[str, tf.Tensor]:
    random = np.random.default_rng(1)
    return {f.name: tf.constant(random.normal(size=(count, f.width)), tf.float32) for f in model.features}


def tensors(model: CtrCvr) -> dict[str, tf.Tensor]:
    return {name: tf.constant(weight.initial) for name, weight in model.weights(3).items()}


def test_default_config_is_that_of_the_page():
    model = build({}, TASKS)
    assert {f.name: f.width for f in model.features} == {
        "user_id": 8,
        "item_id": 8,
        "query": 8,
        "brand": 8,
        "user_segment": 8,
        "numeric": 4,
    }
    shapes = {name: weight.initial.shape for name, weight in model.weights(0).items()}
    assert shapes["ctr/0/kernel"] == (44, 64)
    assert shapes["cvr/1/kernel"] == (64, 32)
    assert shapes["cvr/wide/kernel"] == (44, 1)


@pytest.mark.parametrize("config", [{}, {"sharedHidden": [5]}, {"wide": False}, {"batchNorm": False}, {"hidden": []}])
def test_forward(config):
    model = build(config, TASKS)
    forward = model.forward(tensors(model), inputs(model), TASKS, training=False)
    assert {task: logits.shape for task, logits in forward.logits.items()} == {"ctr": (32,), "cvr": (32,)}
    assert forward.moving == {}


def test_weights_come_from_the_seed():
    model = build({}, TASKS)
    first, same, other = (model.weights(seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[n].initial, same[n].initial) for n in first)
    assert not np.array_equal(first["ctr/0/kernel"].initial, other["ctr/0/kernel"].initial)


def test_a_task_moves_its_own_statistics_only():
    model = build({"sharedHidden": [5], "hidden": [4]}, TASKS)
    weights = tensors(model)
    moving = model.forward(weights, inputs(model), ["ctr"], training=True).moving
    assert set(moving) == {f"{layer}/moving_{what}" for layer in ("shared/0", "ctr/0") for what in ("mean", "variance")}
    assert all(not np.array_equal(value, weights[name]) for name, value in moving.items())


def test_moving_statistics_are_not_trainable():
    frozen = {name for name, weight in build({}, TASKS).weights(0).items() if not weight.trainable}
    assert frozen == {n for n in build({}, TASKS).weights(0) if "moving" in n}


def test_training_normalises_by_the_batch_and_answers_by_the_moving_statistics():
    model = build({"hidden": [4], "batchNormMomentum": 0.0}, ["ctr"])
    weights, x = tensors(model), inputs(model, 64)
    training = model.forward(weights, x, ["ctr"], training=True)
    # With momentum 0 the moving statistics become the batch's, so that both passes agree.
    answered = model.forward(weights | dict(training.moving), x, ["ctr"], training=False)
    assert np.allclose(training.logits["ctr"], answered.logits["ctr"], atol=1e-5)


def test_a_tiny_batch_leaves_the_statistics_alone():
    model = build({"hidden": [4]}, ["ctr"])
    weights = tensors(model)
    forward = model.forward(weights, inputs(model, 3), ["ctr"], training=True)
    assert all(np.array_equal(value, weights[name]) for name, value in forward.moving.items())
    answered = model.forward(weights, inputs(model, 3), ["ctr"], training=False)
    assert np.allclose(forward.logits["ctr"], answered.logits["ctr"], atol=1e-6)


@pytest.mark.parametrize(
    ("config", "tasks", "reason", "message"),
    [
        ({"hiden": [3]}, TASKS, "InvalidModelConfig", "hiden is not a field"),
        ({"features": []}, TASKS, "InvalidModelConfig", "Name at least one feature"),
        ({"features": [{"name": "hour"}]}, TASKS, "TimeFeature", "hour tells the time"),
        ({"tasks": ["ctr"]}, TASKS, "TaskWithoutStream", "Every task needs a stream"),
        ({"tasks": ["ctr", "cvr"]}, ["ctr"], "TaskWithoutStream", "Every task needs a stream"),
        ({"tasks": ["ctr", "ctr"]}, ["ctr"], "InvalidModelConfig", "distinct names"),
        ({}, ["shared"], "InvalidModelConfig", 'other than "shared"'),
        ({"hidden": [0]}, TASKS, "InvalidModelConfig", r"hidden\[0\] is 0"),
        (
            {"features": [{"name": "a", "table": "t"}, {"name": "b", "table": "t", "dim": 3}]},
            TASKS,
            "InvalidModelConfig",
            "shares",
        ),
    ],
)
def test_refuses(config, tasks, reason, message):
    with pytest.raises(UserError, match=message) as caught:
        build(config, tasks)
    assert caught.value.reason == reason


def test_time_features_on_request():
    config = {"features": [{"name": "hour", "dim": 2}], "allowTimeFeatures": True}
    assert build(config, ["ctr"]).features[0].name == "hour"


def test_tasks_of_several_streams_stand_once():
    assert build({}, ["ctr", "cvr", "ctr"]).tasks == ("ctr", "cvr")
