"""A SavedModel serves in a fresh process that knows the ops and nothing of the code that trained."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tandem_ops as ops
import tensorflow as tf

from tests.ops.tables import make_table

SERVE = """
import sys
import numpy as np
import tensorflow as tf
import tandem_ops

model = tf.saved_model.load(sys.argv[1])
ids = tf.constant(np.load(sys.argv[2]))
scores = model.signatures["serving_default"](ids=ids)["scores"].numpy()
again = model.signatures["serving_default"](ids=ids)["scores"].numpy()
assert (scores == again).all()
np.save(sys.argv[3], scores)
"""


class Scorer(tf.Module):  # type: ignore[misc] # TensorFlow ships no types
    def __init__(self):
        super().__init__()
        self.user, self.item = make_table("user"), make_table("item", dim=2, optimizer=ops.Adam(0.1))
        self.head = tf.Variable([[1.0], [2.0], [3.0], [4.0], [5.0]])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, "ids")])
    def serve(self, ids):
        rows = ops.grouped_peek([self.user, self.item], [ids, ids])
        return {"scores": tf.concat(rows, 1) @ self.head}

    @tf.function
    def train(self, ids):
        rows, handles = ops.grouped_lookup([self.user, self.item], [ids, ids], event_time=9)
        ops.grouped_apply([self.user, self.item], handles, rows)


@pytest.fixture
def exported(tmp_path) -> tuple[Scorer, Path]:
    scorer = Scorer()
    scorer.train(tf.constant([1, 2, 3, 2**40], tf.int64))
    tf.saved_model.save(scorer, str(tmp_path / "model"), signatures={"serving_default": scorer.serve})
    return scorer, tmp_path / "model"


def test_a_fresh_process_serves_what_was_trained(exported, tmp_path):
    scorer, model = exported
    ids = np.array([2, 2**40, 77, 1, 2])
    np.save(tmp_path / "ids.npy", ids)
    command = [sys.executable, "-c", SERVE, str(model), str(tmp_path / "ids.npy"), str(tmp_path / "scores.npy")]
    subprocess.run(command, check=True, timeout=240)
    scores = np.load(tmp_path / "scores.npy")
    assert np.array_equal(scores, scorer.serve(tf.constant(ids))["scores"])
    assert scores[2] == 0
    assert scores[0] != 0


def test_serving_makes_nothing_and_models_are_apart(exported):
    scorer, model = exported
    one, two = tf.saved_model.load(str(model)), tf.saved_model.load(str(model))
    before = scorer.user.size().numpy()
    for loaded in (one, two):
        loaded.serve(tf.constant([500, 501], tf.int64))
        assert np.array_equal(
            loaded.serve(tf.constant([1], tf.int64))["scores"], scorer.serve(tf.constant([1], tf.int64))["scores"]
        )
    assert scorer.user.size().numpy() == before


def test_a_loaded_model_goes_on_training_apart_from_the_first(exported):
    scorer, model = exported
    loaded = tf.saved_model.load(str(model))
    ids = tf.constant([1, 2, 3, 2**40], tf.int64)
    before = scorer.serve(ids)["scores"]
    loaded.train(ids)
    assert np.array_equal(scorer.serve(ids)["scores"], before)
    scorer.train(ids)
    assert np.array_equal(loaded.serve(ids)["scores"], scorer.serve(ids)["scores"])


def test_a_model_saved_again_after_loading_is_the_same(exported, tmp_path):
    scorer, model = exported
    loaded = tf.saved_model.load(str(model))
    tf.saved_model.save(loaded, str(tmp_path / "again"), signatures=dict(loaded.signatures))
    again = tf.saved_model.load(str(tmp_path / "again"))
    ids = tf.constant([1, 9, 2**40], tf.int64)
    assert np.array_equal(again.signatures["serving_default"](ids=ids)["scores"], scorer.serve(ids)["scores"])


def test_a_description_of_another_version_is_refused(exported):
    del exported
    with pytest.raises(tf.errors.InvalidArgumentError, match='"t": these kernels know no option "teleport"'):
        ops.native.kernels.tandem_hash_variable(table_name="t", description="dim=2\nteleport=1")
