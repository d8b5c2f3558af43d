import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_training.evaluation import Evaluation, Tally


def exact_auc(labels: np.ndarray, predictions: np.ndarray) -> float:
    positives, negatives = predictions[labels == 1], predictions[labels == 0]
    wins = (positives[:, None] > negatives[None, :]).sum() + 0.5 * (positives[:, None] == negatives[None, :]).sum()
    return float(wins) / (len(positives) * len(negatives))


@pytest.mark.parametrize(("shift", "count"), [(0.0, 500), (1.0, 2000), (4.0, 300)])
def test_auc_is_close_to_exact(shift, count):
    random = np.random.default_rng(3)
    labels = (random.random(count) < 0.3).astype(np.float32)
    predictions = (1 / (1 + np.exp(-random.normal(-1, 1, count) - shift * labels))).astype(np.float32)
    tally = Tally()
    tally.add(labels, predictions)
    assert tally.auc() == pytest.approx(exact_auc(labels, predictions), abs=1e-3)


def test_sums():
    labels, predictions = np.array([1, 0, 1], np.float32), np.array([0.9, 0.2, 0.5], np.float32)
    tally = Tally()
    tally.add(labels, predictions)
    assert (tally.samples, tally.positives) == (3, 2)
    assert tally.loss == pytest.approx(-np.log([0.9, 0.8, 0.5]).sum(), rel=1e-6)
    assert tally.predicted == pytest.approx(1.6)
    assert tally.auc() == 1.0


@pytest.mark.parametrize("labels", [[], [1.0, 1.0], [0.0]])
def test_auc_needs_both_classes(labels):
    tally = Tally()
    tally.add(np.array(labels, np.float32), np.full(len(labels), 0.5, np.float32))
    assert tally.auc() is None


def test_certain_predictions_keep_the_loss_finite():
    tally = Tally()
    tally.add(np.array([1, 0], np.float32), np.array([0, 1], np.float32))
    assert np.isfinite(tally.loss)
    assert tally.auc() == 0.0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 99), st.booleans(), st.floats(0, 1, width=32)), max_size=50), st.integers(1, 9)
)
def test_batches_do_not_matter(samples, size):
    """Whatever the batches, a window says the same."""
    times = np.array([s[0] for s in samples], np.int64)
    labels = np.array([s[1] for s in samples], np.float32)
    predictions = np.array([s[2] for s in samples], np.float32)
    whole, parts = Evaluation(10), Evaluation(10)
    whole.add("ctr", times, labels, predictions)
    for i in range(0, len(samples), size):
        parts.add("ctr", times[i : i + size], labels[i : i + size], predictions[i : i + size])
    assert [(w.start, w.samples, w.positives, w.auc) for w in whole.results()] == [
        (w.start, w.samples, w.positives, w.auc) for w in parts.results()
    ]
    assert sum(w.samples for w in whole.results()) == len(samples)


def one(evaluation: Evaluation, time: int, task: str = "ctr") -> None:
    evaluation.add(task, np.array([time]), np.array([1.0], np.float32), np.array([0.5], np.float32))


def test_windows_are_bounded_and_late_samples_of_lost_windows_are_not_counted():
    evaluation = Evaluation(window_ms=10, keep=2)
    for time in (5, 15, 25, 7):
        one(evaluation, time)
    assert [w.start for w in evaluation.results()] == [10, 20]
    one(evaluation, 12)
    assert [w.samples for w in evaluation.results()] == [2, 1]


def test_changed_is_told_once():
    evaluation = Evaluation(window_ms=10)
    one(evaluation, 5)
    one(evaluation, 5, "cvr")
    assert [(w.task, w.start, w.end) for w in evaluation.changed()] == [("ctr", 0, 10), ("cvr", 0, 10)]
    one(evaluation, 15)
    assert [(w.task, w.start) for w in evaluation.changed()] == [("ctr", 10)]
    assert evaluation.changed() == ()
    latest = evaluation.latest("ctr")
    assert latest is not None
    assert latest.start == 10
    assert evaluation.latest("other") is None
