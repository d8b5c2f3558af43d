"""What is told of tensors before a batch is seen is what TensorFlow makes of one."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from tandem_serving.fold.facts import INT32, INT64, Source
from tandem_serving.fold.graph import Ref
from tandem_serving.fold.reading import Export

from tests.serving.fold import running
from tests.serving.fold.test_random_graphs import FEATURES, NETS

raw = tf.raw_ops


def told(exported, rows=(3, 4)):
    """Compare every fact of a graph with two runs; return the facts of the outputs."""
    graph = Export(exported.spec, exported.graph).graph()
    given = {ref.node for ref in [*Export(exported.spec, exported.graph).features, *_weights(exported)]}
    refs = [node.out for node in graph.order() if node.name not in given]
    for batch in rows:
        feeds = dict(zip(exported.spec.dense.feature_inputs, running.batch(exported.spec, batch), strict=True))
        feeds |= dict(zip(exported.spec.dense.weight_inputs, exported.weights, strict=True))
        for ref, value in zip(refs, running.run(exported.graph, feeds, [str(ref) for ref in refs]), strict=True):
            fact = graph.fact(ref)
            if fact.shape is not None:
                assert len(fact.shape) == np.ndim(value), ref
                for size, length in zip(fact.shape, np.shape(value), strict=True):
                    assert size is None or size.units * (batch if size.batch else 1) == length, ref
            if fact.value is not None:
                assert fact.dtype in (INT32, INT64)
                for size, item in zip(fact.value, np.ravel(value), strict=True):
                    assert size is None or size.units * (batch if size.batch else 1) == item, ref
    return [graph.fact(ref) for ref in graph.outputs]


def _weights(exported):
    return [Ref.parse(tensor) for tensor in exported.spec.dense.weight_inputs]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(net=NETS)
def test_facts_of_any_net(net):
    told(running.export(FEATURES, net.build))


def three(f):
    return tf.reshape(f["a"], [-1, 2, 2])


OPS = [
    # name, build, whether the whole shape is told
    ("gather of columns", lambda f, _: tf.gather(f["b"], [2, 0], axis=1), True),
    ("gather of rows", lambda f, _: tf.gather(f["b"], [0, 2, 1, 1]), True),
    ("pack", lambda f, _: tf.stack([f["a"], f["a"]], axis=1), True),
    ("unpack", lambda f, _: tf.unstack(f["a"], axis=1)[2], True),
    ("split by sizes", lambda f, _: tf.split(f["b"], [1, 3, -1], axis=1)[0], True),
    ("concat of rows", lambda f, _: tf.concat([f["a"], f["a"]], axis=0), True),
    ("slice", lambda f, _: tf.slice(f["b"], [0, 2], [-1, 3]), True),
    ("slice to the end", lambda f, _: tf.slice(f["b"], [0, 2], [-1, -1]), True),
    ("strided", lambda f, _: three(f)[:, ::-1, tf.newaxis, 1], True),
    ("strided by ellipsis", lambda f, _: three(f)[..., :1], True),
    ("all rows", lambda f, _: f["a"][0:][::-1], True),
    ("first rows", lambda f, _: f["a"][:2], False),
    ("tile", lambda f, _: tf.tile(f["a"], [2, 3]), True),
    ("transpose", lambda f, _: tf.transpose(three(f), [0, 2, 1]), True),
    ("sum", lambda f, _: tf.reduce_sum(three(f), axis=[-1]), True),
    ("kept sum", lambda f, _: tf.reduce_sum(three(f), axis=1, keepdims=True), True),
    ("expand and squeeze", lambda f, _: tf.squeeze(tf.expand_dims(f["a"], 1), 1), True),
    ("squeeze of all ones", lambda f, _: tf.squeeze(f["a"]), False),
    ("broadcast", lambda f, w: tf.broadcast_to(w(4), tf.shape(f["a"])), True),
    ("fill", lambda f, _: tf.fill([tf.shape(f["a"])[0], 2], 1.0), True),
    ("select", lambda f, w: tf.where(f["a"] > 0, f["a"], w(4)), True),
    ("einsum is not known", lambda f, w: tf.einsum("bi,ij->bj", f["a"], w(4, 2)), False),
    ("a product of batches", lambda f, _: tf.matmul(f["a"], f["a"], transpose_b=True), True),
    ("flattened by its size", lambda f, _: tf.reshape(f["a"], [tf.size(f["a"])]), True),
    ("by range", lambda f, _: tf.gather(f["a"], tf.range(0, 4, 2), axis=1), True),
    ("by a shape's part", lambda f, _: tf.reshape(f["b"], tf.concat([tf.shape(f["b"])[:1], [3, 2]], 0)), True),
    ("by a quotient", lambda f, _: tf.reshape(f["b"], [tf.shape(f["b"])[0], tf.shape(f["b"])[1] // 2, 2]), True),
    ("by data", lambda f, _: tf.reshape(f["a"], [tf.reduce_max(tf.cast(f["a"] * 0, tf.int32)) - 1, 4]), False),
    ("a batched product", lambda f, w: raw.BatchMatMulV2(x=three(f), y=w(3, 2), adj_y=True), True),
    ("fused", lambda f, w: raw.FusedBatchNormV3(
        x=tf.reshape(f["a"], [-1, 1, 1, 4]), scale=w(4), offset=w(4), mean=w(4), variance=w(4), is_training=False
    ).y, True),
    ("softmax", lambda f, _: tf.nn.softmax(f["a"]), True),
    ("add n", lambda f, _: tf.add_n([f["a"], f["a"], f["a"]]), True),
]  # fmt: skip


@pytest.mark.parametrize(("build", "whole"), [row[1:] for row in OPS], ids=[row[0] for row in OPS])
def test_facts_of_one_operation(build, whole):
    (fact,) = told(running.export(FEATURES, lambda f, w: {"x": build(f, w)}))
    assert (fact.shape is not None and None not in fact.shape) == whole
    assert fact.source is Source.FEATURES


def test_weights_and_constants_are_told_apart():
    facts = told(running.export(FEATURES, lambda _, w: {"w": tf.sqrt(w(3)), "c": tf.sqrt(tf.ones([2]))}))
    assert [fact.source for fact in facts] == [Source.WEIGHTS, Source.CONSTANT]
