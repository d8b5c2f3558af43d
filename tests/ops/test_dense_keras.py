import keras  # type: ignore[import-untyped]
import numpy as np
import pytest
import tandem_ops as ops
from tandem_ops.dense_keras import GroupLassoOptimizer

# Keras saves its variables by an interface that NumPy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("form", ["prox", "dual_averaging"])
@pytest.mark.parametrize("groups", ["rows", "columns"])
def test_dead_inputs_and_units_of_a_model_become_exact_zeros(groups, form):
    random = np.random.default_rng(4)
    inputs = random.standard_normal((256, 6)).astype(np.float32)
    truth = np.zeros((6, 4), np.float32)
    if groups == "rows":
        truth[:2] = random.uniform(1, 2, (2, 4))
    else:
        truth[:, :2] = random.uniform(1, 2, (6, 2))
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input([6]), keras.layers.Dense(4)])
    optimizer = GroupLassoOptimizer(ops.GroupLasso(ops.Adam(0.05), l21=0.02, form=form), groups)
    model.compile(optimizer, loss="mse")
    model.fit(inputs, inputs @ truth, epochs=60, batch_size=64, verbose=0)
    kernel = model.layers[0].kernel.numpy()
    assert ((kernel != 0) == (truth != 0)).all()
    np.testing.assert_allclose(kernel, truth, atol=0.3)


def test_an_optimizer_is_saved_with_its_model(tmp_path):
    model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    lasso = ops.GroupLasso(ops.Adagrad(0.1), l1=0.01, l21=0.1, form="dual_averaging")
    model.compile(GroupLassoOptimizer(lasso, "columns", learning_rate=schedule, clipnorm=1.0), loss="mse")
    model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    for ours, theirs in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
