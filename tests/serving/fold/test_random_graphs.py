"""Whatever layers stand in whatever order, a folded graph answers as the exported one, for any batch."""

from dataclasses import dataclass

import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.fold import running
from tests.serving.fold.test_building import check, dense, norm

FEATURES = {"a": 4, "b": 6}

LAYERS = {
    "dense": lambda x, _, w: dense(x, w, 5),
    "unbiased": lambda x, _, w: dense(x, w, 3, bias=False),
    "transposed": lambda x, _, w: tf.matmul(x, w(4, x.shape[-1]), transpose_b=True) if x.shape.rank == 2 else x,
    "norm": lambda x, _, w: norm(x, w),
    "relu": lambda x, *_: tf.nn.relu(x),
    "sigmoid": lambda x, *_: tf.sigmoid(x),
    "tanh": lambda x, *_: tf.tanh(x),
    "scalar": lambda x, _, w: 0.5 * x + w(),
    "minus": lambda x, _, w: x - w(1, x.shape[-1]),
    "from": lambda x, _, w: w(x.shape[-1]) - x,
    "over": lambda x, _, w: x / w(x.shape[-1], kind="variance"),
    "dropout": lambda x, *_: tf.keras.layers.Dropout(0.5)(x, training=False),
    "residual": lambda x, *_: x + tf.nn.relu(x),
    "squared": lambda x, *_: x * x * 0.1,
    "with a": lambda x, f, _: tf.concat([_flat(x), f["a"]], axis=1),
    "with normal b": lambda x, f, w: tf.concat([norm(f["b"], w), _flat(x)], axis=-1),
    "rank three": lambda x, *_: tf.reshape(x, [-1, x.shape[-1], 1]) if x.shape.rank == 2 else x,
    "pairs": lambda x, *_: tf.reshape(x, [-1, x.shape[-1] // 2, 2]) if x.shape[-1] % 2 == 0 else x,
    "flat": lambda x, *_: _flat(x),
    "flat by shape": lambda x, *_: _flat_by_shape(x),
    "summed": lambda x, *_: tf.reduce_sum(x, axis=-1, keepdims=True),
    "mean of rows": lambda x, *_: tf.reduce_mean(x, axis=1) if x.shape.rank > 2 else x,
    "linear": lambda x, _, w: tf.reduce_sum(x * w(x.shape[-1]), axis=-1, keepdims=True),
    "at least 0": lambda x, *_: tf.maximum(0.0, x),
    "stacked": lambda x, *_: tf.stack([x[:, 0], x[:, -1]], axis=1) if x.shape.rank == 2 else x,
    "half": lambda x, *_: x[..., : (x.shape[-1] + 1) // 2],
    "batched": lambda x, _, w: tf.raw_ops.BatchMatMulV2(x=x, y=w(x.shape[-1], 2)),
}


def _flat(x):
    """Flatten to a matrix of which each row is one sample's."""
    return x if x.shape.rank == 2 else tf.reshape(x, [-1, x.shape[1] * x.shape[2]])


def _flat_by_shape(x):
    width = _flat(x).shape[-1]
    y = tf.reshape(x, tf.stack([tf.shape(x)[0], -1])) if x.shape.rank == 2 else _flat(x)
    y.set_shape([None, width])
    return y


@dataclass(frozen=True)
class Net:
    layers: tuple[str, ...]
    heads: tuple[int, ...]
    """After how many layers each head reads."""

    def build(self, features, weight):
        x = tf.concat(list(features.values()), axis=1)
        values = [x]
        for layer in self.layers:
            # What was flattened and is cut in pairs again has another number of rows per sample.
            x = LAYERS[layer](x if layer != "pairs" else _flat(x), features, weight)
            values.append(x)
        taken = [_flat(values[min(after, len(values) - 1)]) for after in self.heads]
        return {
            f"head{i}": tf.squeeze(tf.sigmoid(0.3 * dense(norm(x, weight), weight, 1)), axis=1)
            for i, x in enumerate(taken)
        }


NETS = st.builds(
    Net,
    st.lists(st.sampled_from(sorted(LAYERS)), min_size=1, max_size=9).map(tuple),
    st.lists(st.integers(0, 9), min_size=1, max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(net=NETS, seed=st.integers(0, 3))
def test_any_net_answers_the_same(net, seed):
    program = check(running.export(FEATURES, net.build, seed), rows=3)
    left = running.operations(program.graphs["rest.pb"])
    assert "Rsqrt" not in left
    assert "BatchMatMulV2" not in left
    assert "tanh" in net.layers or program.chain is not None, program.no_chain_because
