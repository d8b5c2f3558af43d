"""A stream with a known truth."""

import numpy as np
import pytest

from bench.ops.planted import Truth, auc, draw


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 1], [0.1, 0.9], 1.0),
        ([0, 1], [0.9, 0.1], 0.0),
        ([0, 1, 1], [0.5, 0.5, 0.5], 0.5),
        ([1, 0, 1, 0], [3, 3, 2, 1], 0.625),
    ],
)
def test_auc(labels, scores, expected):
    assert auc(labels, scores) == expected


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_auc_needs_both(labels):
    with pytest.raises(ValueError, match="clicks and non-clicks"):
        auc(labels, [1, 2])


def test_a_stream_is_as_told():
    truth = Truth(samples=40_000, fields=3, ids=200, carrying=0.1)
    stream = draw(truth, seed=1)
    assert stream.ids.shape == (40_000, 3)
    assert stream.signal.reshape(3, 200).sum(axis=1).tolist() == [20, 20, 20]
    assert ((stream.ids // 200) == np.arange(3)).all()
    assert abs(float(stream.labels.mean()) - float(stream.chances.mean())) < 0.01
    # A sample without an id that carries signal has the bias alone.
    plain = ~stream.signal[stream.ids].any(axis=1)
    assert np.allclose(stream.chances[plain], 1 / (1 + np.exp(-truth.bias)))
    assert len(np.unique(stream.chances[~plain])) > 100
    again = draw(truth, seed=1)
    assert np.array_equal(stream.ids, again.ids)
    assert np.array_equal(stream.labels, again.labels)
