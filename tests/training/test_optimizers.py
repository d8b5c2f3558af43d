import numpy as np
import pytest
import tandem_ops
import tensorflow as tf
from tandem_training.errors import UserError
from tandem_training.optimizers import Adagrad, Adam, Sgd, read_optimizers


def run(optimizer: Adagrad | Adam | Sgd, weight: float, gradients: list[float]) -> list[float]:
    value, slots = tf.constant([weight]), {n: tf.constant(s) for n, s in optimizer.initial([1]).items()}
    values = []
    for gradient in gradients:
        value, slots = optimizer.update(value, tf.constant([gradient]), slots)
        values.append(float(value[0]))
    return values


def test_sgd():
    assert run(Sgd(0.1), 1.0, [2.0, -1.0]) == pytest.approx([0.8, 0.9])


def test_adagrad():
    first = 1.0 - 0.1 * 2.0 / np.sqrt(4.1)
    assert run(Adagrad(0.1, 0.1), 1.0, [2.0, -1.0]) == pytest.approx([first, first + 0.1 / np.sqrt(5.1)], rel=1e-5)


def test_adam_is_kingma_and_bas():
    m = v = 0.0
    x, expected = 1.0, []
    for t, g in enumerate([2.0, -1.0, 0.5], start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        expected.append(x)
    assert run(Adam(0.1), 1.0, [2.0, -1.0, 0.5]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "params", "dense", "sparse"),
    [
        ("Adagrad", {}, Adagrad(0.05, 0.01), tandem_ops.Adagrad(0.05, initial_accumulator=0.01)),
        ("Adagrad", {"denseLearningRate": 0.2}, Adagrad(0.2, 0.01), tandem_ops.Adagrad(0.05, initial_accumulator=0.01)),
        ("Adam", {"beta1": 0.5}, Adam(0.05, 0.5), tandem_ops.Adam(0.05, beta1=0.5)),
        ("Sgd", {}, Sgd(0.05), tandem_ops.SGD(0.05)),
        ("Sgd", {"l21": 0.1}, Sgd(0.05), tandem_ops.GroupLasso(tandem_ops.SGD(0.05), l21=0.1)),
        (
            "Adam",
            {"l1": 0.2, "l2": 0.3, "form": "DualAveraging"},
            Adam(0.05),
            tandem_ops.GroupLasso(tandem_ops.Adam(0.05), l1=0.2, l2=0.3, form="dual_averaging"),
        ),
        ("Ftrl", {"l1": 0.2}, Adagrad(0.05, 0.01), tandem_ops.Ftrl(0.05, initial_accumulator=0.01, l1=0.2)),
    ],
)
def test_read(name, params, dense, sparse):
    found = read_optimizers(name, params, 0.05)
    assert (found.dense, found.sparse) == (dense, sparse)


@pytest.mark.parametrize(
    ("name", "params", "reason", "message"),
    [
        ("Lion", {}, "InvalidModelConfig", 'name is "Lion"; give one of Adagrad, Adam, Ftrl, Sgd'),
        ("Ftrl", {"l21": 0.1}, "InvalidModelConfig", "l21 has no meaning for Ftrl; take Adagrad with form"),
        ("Ftrl", {"form": "Published"}, "InvalidModelConfig", "form has no meaning for Ftrl"),
        ("Sgd", {"form": "DualAveraging"}, "InvalidModelConfig", '"DualAveraging" needs Adagrad or Adam'),
        ("Adagrad", {"form": "Lasso"}, "InvalidModelConfig", "give one of Prox, DualAveraging, Published"),
        ("Adagrad", {"l1": -0.1}, "InvalidModelConfig", "l1 is -0.1; it must lie in"),
        ("Adam", {"rowAccumulator": 1.0}, "InvalidModelConfig", "rowAccumulator is not a field"),
        ("Adam", {"beta1": 1.0}, "InvalidModelConfig", "beta1 is 1.0; it must lie in"),
    ],
)
def test_refuses(name, params, reason, message):
    with pytest.raises(UserError, match=message) as caught:
        read_optimizers(name, params, 0.05)
    assert caught.value.reason == reason


def test_rows_without_slots_begin_like_new_ones():
    assert (
        read_optimizers("Adagrad", {}, 0.05).sparse_slots(3, 2).tolist() == np.full((3, 2), 0.01, np.float32).tolist()
    )
    assert read_optimizers("Adam", {}, 0.05).sparse_slots(3, 2).tolist() == np.zeros((3, 4)).tolist()
    assert read_optimizers("Sgd", {}, 0.05).sparse_slots(3, 2).shape == (3, 0)


@pytest.mark.parametrize(
    ("name", "params", "makes"),
    [
        ("Adagrad", {}, False),
        ("Adagrad", {"l21": 0.1}, True),
        ("Ftrl", {}, False),
        ("Ftrl", {"l1": 0.1}, True),
    ],
)
def test_zero_rows_come_of_penalties(name, params, makes):
    assert read_optimizers(name, params, 0.05).makes_zero_rows is makes
