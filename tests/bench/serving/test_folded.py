"""The model folded by hand, against the graph that is exported."""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2

from bench.serving.folded import fold, questions
from bench.serving.model import IDS, rows, served_model


def test_it_answers_as_the_exported_graph():
    model, values = served_model(3), rows(3, np.arange(50, dtype=np.int64))
    ids, numbers = questions(1, 9, 60)  # some ids are beyond the table
    found = np.where((ids < 50)[..., None], values[np.minimum(ids, 49)], 0)
    given = {"feature_0:0": found.reshape(9, -1), "feature_1:0": numbers}
    given |= dict(zip(model.spec.dense.weight_inputs, model.weights.values(), strict=True))
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_pb2.GraphDef.FromString(model.graph), name="")
        with tf.compat.v1.Session(graph=graph) as session:
            expected = np.stack(session.run(list(model.spec.dense.outputs), given), axis=1)
    answers = fold(model.weights).answers(values, [ids, numbers])
    np.testing.assert_allclose(answers, expected, atol=2e-6)
    assert answers.std() > 0.01


def test_other_inputs_make_another_order():
    model = served_model(3)
    values = rows(3, np.arange(50, dtype=np.int64))
    ids, numbers = questions(1, 4, 50)
    folded = fold(model.weights)
    split = folded.answers(values, [ids[:, :5], ids[:, 5:], numbers])
    np.testing.assert_array_equal(split, folded.answers(values, [ids, numbers]))
    assert ids.shape == (4, IDS)
    assert np.abs(folded.answers(values, [numbers, ids]) - split).max() > 1e-3
