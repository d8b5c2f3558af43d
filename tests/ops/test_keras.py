import keras  # type: ignore[import-untyped]
import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf
from tandem_ops.keras import ElasticEmbedding

from tests.ops.tables import assert_same

# Keras asks NumPy in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DIM, IDS = 4, 10


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


def data(n=64):
    ids = np.random.default_rng(0).integers(0, IDS, [n, 3])
    return ids, (ids.sum(axis=1) % 2).astype(np.float32)


def make_model(embedding, optimizer="adam", **compile_arguments):
    model = keras.Sequential(
        [keras.Input([3], dtype="int64"), embedding, keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True), **compile_arguments)
    return model


def elastic(**arguments):
    return ElasticEmbedding(
        DIM, **{"optimizer": ops.SGD(0.5), "initializer": ops.Uniform(1.0), "name": "words", **arguments}
    )


@pytest.mark.parametrize("eagerly", [False, True], ids=["function", "eager"])
def test_fit_learns_as_a_dense_embedding_does(eagerly):
    ids, labels = data()
    layer, dense = elastic(), keras.layers.Embedding(IDS, DIM)
    ours = make_model(layer, keras.optimizers.SGD(0.5), run_eagerly=eagerly)
    theirs = make_model(dense, keras.optimizers.SGD(0.5), run_eagerly=eagerly)
    rows, _ = layer.table.lookup(np.arange(IDS))
    dense.set_weights([rows.numpy()])
    theirs.layers[-1].set_weights(ours.layers[-1].get_weights())
    fits = [
        m.fit(ids, labels, epochs=3, batch_size=16, shuffle=False, verbose=0).history["loss"] for m in (ours, theirs)
    ]
    np.testing.assert_allclose(fits[0], fits[1], rtol=1e-5)
    np.testing.assert_allclose(layer.table.peek(np.arange(IDS)), dense.get_weights()[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.predict(ids, verbose=0), theirs.predict(ids, verbose=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "adagrad", "rmsprop", "ftrl", "lion", "nadam"])
def test_any_optimizer_serves_the_dense_part(optimizer):
    ids, labels = data(32)
    model = make_model(elastic(), optimizer)
    model.fit(ids, labels, batch_size=16, verbose=0)
    cut = model.layers[0].table.snapshot()
    assert cut.steps.max() == 2
    assert len(cut) == len(np.unique(ids))
    assert int(model.optimizer.iterations) == 2


def test_inference_makes_nothing():
    ids, labels = data()
    model = make_model(elastic())
    model.predict(ids, verbose=0)
    model.evaluate(ids, labels, verbose=0)
    model(ids)
    assert int(model.layers[0].table.size()) == 0
    assert model.count_params() == 3 * DIM + 1


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "function"])
def test_a_hand_written_loop_learns(wrap):
    ids, labels = data()
    layer, head = elastic(), keras.layers.Dense(1)
    optimizer = keras.optimizers.Adam(0.1)
    head.build([None, DIM])
    variables = [*layer.trainable_variables, *head.trainable_variables]
    optimizer.build(variables)

    @wrap
    def step():
        with tf.GradientTape() as tape:
            logits = head(tf.reduce_mean(layer(ids, event_time=labels, training=True), 1))[:, 0]
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    first, *_, last = [float(step()) for _ in range(60)]
    assert last < first - 0.05
    cut = layer.table.snapshot()
    assert set(cut.steps.tolist()) == {60}
    assert set(cut.seen.tolist()) == {1}


def test_a_gradient_does_nothing_until_it_is_applied():
    layer = elastic()
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_sum(layer(tf.constant([1, 1]), training=True))
    for _ in range(2):
        assert isinstance(tape.gradient(loss, layer.trainable_variables)[0], tf.IndexedSlices)
    assert layer.table.snapshot().steps.tolist() == [0]


def test_a_frozen_layer_is_as_it_was():
    ids, labels = data()
    model = make_model(elastic())
    model.fit(ids, labels, verbose=0)
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    before = model.layers[0].table.snapshot()
    model.fit(np.concatenate([ids, ids + 100]), np.concatenate([labels, labels]), verbose=0)
    assert_same(model.layers[0].table.snapshot(), before)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (
            lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
            "ElasticEmbedding 'words': SGD would not accumulate",
        ),
        (lambda: keras.optimizers.SGD(0.1, loss_scale_factor=8.0), "ElasticEmbedding 'words': SGD would scale"),
        (lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "None"),  # Keras itself stumbles
    ],
    ids=["accumulation", "loss scale", "dynamic loss scale"],
)
def test_optimizers_that_bend_gradients_are_refused(optimizer, message):
    ids, labels = data(32)
    model = make_model(elastic(), optimizer())
    with pytest.raises(ValueError, match=message):
        model.fit(ids, labels, verbose=0)
    assert not model.layers[0].table.snapshot().steps.any()


def test_float16_is_refused_and_bfloat16_computes():
    with pytest.raises(ops.BadConfiguration, match="float16 needs a scaled loss"):
        elastic(dtype="mixed_float16")
    layer = elastic(dtype="mixed_bfloat16")
    with tf.GradientTape() as tape:
        rows = layer(tf.constant([3]), training=True)
        loss = tf.reduce_sum(rows)
    assert rows.dtype == tf.bfloat16
    assert tape.gradient(loss, layer.trainable_variables)[0].values.dtype == tf.float32


def test_strings_and_small_integers_are_ids():
    layer = elastic()
    for ids in (tf.constant([["a", "b"]]), np.array([[3, -7]], np.int32), np.array([[255]], np.uint8)):
        assert layer(ids, training=True).shape == (*ids.shape, DIM)
    assert set(layer.table.keys().numpy()) == {3, -7, 255, *ops.fingerprint(["a", "b"]).numpy()}
    model = keras.Sequential(
        [keras.Input([2], dtype="string"), elastic(), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    model.fit(tf.constant([["x", "y"], ["y", "z"]]), np.zeros(2), verbose=0)
    assert int(model.layers[0].table.size()) == 3


@pytest.mark.parametrize(
    ("arguments", "inputs", "message"),
    [
        ({}, tf.constant([1.0]), "inputs must be integers or strings, not float32; give keras.Input a dtype"),
        ({}, np.array([1], np.uint64), "inputs must be integers or strings, not uint64"),
        ({}, tf.ragged.constant([[1]]), "inputs are sparse or ragged, which needs a combiner"),
        ({"combiner": "max"}, tf.ragged.constant([[1]]), "combiner must be one of sum, mean, sqrtn"),
    ],
    ids=["float", "uint64", "ragged", "combiner"],
)
def test_what_is_no_ids_is_refused(arguments, inputs, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=f'HashVariable "words": {message}'):
        elastic(**arguments).call(inputs, training=True)


@pytest.mark.parametrize(
    "ids", [tf.ragged.constant([[1, 2], [], [2]], tf.int64), [[1, 2], [2, 3]]], ids=["ragged", "dense"]
)
def test_a_combiner_makes_one_row_of_a_sample(ids):
    layer = elastic(combiner="sum", optimizer=ops.SGD(1.0))
    ids = tf.convert_to_tensor(ids) if isinstance(ids, list) else ids
    with tf.GradientTape() as tape:
        combined = layer.call(ids, training=True)
        loss = tf.reduce_sum(combined)
    expected = [
        sum((layer.table.peek([i]).numpy()[0] for i in sample), np.zeros(DIM)) for sample in ids.numpy().tolist()
    ]
    np.testing.assert_allclose(combined, expected, rtol=1e-5)
    assert tape.gradient(loss, layer.trainable_variables)[0].indices.shape[0] == sum(map(len, ids.numpy()))


def test_masks_are_those_of_an_embedding():
    ids = tf.constant([[1, 0, 2]])
    assert np.array_equal(
        elastic(mask_zero=True).compute_mask(ids), keras.layers.Embedding(3, 2, mask_zero=True).compute_mask(ids)
    )
    assert elastic().compute_mask(ids) is None


def trained():
    ids, labels = data()
    model = make_model(elastic(optimizer=ops.GroupLasso(ops.Adam(0.1), l21=0.01), seed=3))
    model.fit(ids, labels, verbose=0)
    return model, ids


def test_a_keras_file_brings_everything_back(tmp_path):
    model, ids = trained()
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    layer = again.layers[0]
    assert_same(layer.table.snapshot(), model.layers[0].table.snapshot())
    assert repr(layer.table) == repr(model.layers[0].table)
    assert np.array_equal(again.predict(ids, verbose=0), model.predict(ids, verbose=0))
    for m in (model, again):
        m.fit(ids, np.ones(len(ids)), shuffle=False, verbose=0)
    assert_same(layer.table.snapshot(), model.layers[0].table.snapshot())


def test_weights_and_checkpoints_bring_the_table_back(tmp_path):
    model, _ = trained()
    model.save_weights(tmp_path / "m.weights.h5")
    path = tf.train.Checkpoint(model=model).write(tmp_path / "c")
    for load in (
        lambda m: m.load_weights(tmp_path / "m.weights.h5"),
        lambda m: tf.train.Checkpoint(model=m).read(path).expect_partial(),
    ):
        other = make_model(elastic(optimizer=ops.GroupLasso(ops.Adam(0.1), l21=0.01)))
        other.optimizer.build(other.trainable_variables)
        load(other)
        assert_same(other.layers[0].table.snapshot(), model.layers[0].table.snapshot())


def test_an_exported_model_serves(tmp_path):
    model, ids = trained()
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    unseen = np.full([1, 3], 10**12)
    for asked in (ids, unseen):
        np.testing.assert_allclose(served.serve(asked), model.predict(asked, verbose=0), rtol=1e-5, atol=1e-6)


def test_functional_models_take_the_time_of_their_samples():
    ids, when = keras.Input([3], dtype="int64"), keras.Input([], dtype="int64")
    rows = elastic()(ids, event_time=when)
    assert rows.shape == (None, 3, DIM)
    model = keras.Model([ids, when], keras.layers.Dense(1)(keras.layers.Flatten()(rows)))
    model.compile("adam", "mse")
    model.fit([np.array([[1, 2, 3], [3, 4, 5]]), np.array([70, 80])], np.zeros(2), verbose=0)
    table = next(layer for layer in model.layers if isinstance(layer, ElasticEmbedding)).table
    assert set(table.snapshot().seen.tolist()) == {80}
