import numpy as np
import pytest

from e2e.demo.score import auc
from e2e.demo.truth import Truth, World, scattered


def drawn(seed=7, promotion=None, time=0.0, count=20_000):
    truth = Truth(seed)
    if promotion is not None:
        truth.begin_promotion(promotion)
    return truth.draw(time, count)


def test_the_seed_decides_everything():
    one, other, third = drawn(), drawn(), drawn(seed=8)
    assert np.array_equal(one.click, other.click)
    assert np.array_equal(one.features.user_id, other.features.user_id)
    assert one.features.query == other.features.query
    assert not np.array_equal(one.true_ctr, third.true_ctr)


def known(value: float | None) -> float:
    assert value is not None
    return value


def test_labels_follow_their_probabilities():
    batch = drawn(count=100_000)
    clicked = batch.click > 0
    assert batch.click.mean() == pytest.approx(batch.true_ctr.mean(), abs=0.005)
    assert batch.conversion[clicked].mean() == pytest.approx(batch.true_cvr[clicked].mean(), abs=0.01)
    assert not batch.conversion[~clicked].any()
    assert 0.15 < batch.click.mean() < 0.4
    assert known(auc(batch.click, batch.true_ctr)) > 0.72
    assert known(auc(batch.conversion[clicked], batch.true_cvr[clicked])) > 0.7


def test_what_held_before_the_promotion_says_nothing_after_it():
    # The same draws, judged by the truth of everyday: the promotion must make that judge clearly worse.
    everyday, promoted = drawn(time=50.0), drawn(time=50.0, promotion=40.0)
    assert np.array_equal(everyday.features.item_id, promoted.features.item_id)
    own = known(auc(promoted.click, promoted.true_ctr))
    old = known(auc(promoted.click, everyday.true_ctr))
    assert own - old > 0.08


@pytest.mark.parametrize("time", [0.0, 39.9, 40.0, 100.0, 500.0])
def test_effects_keep_their_strength(time):
    truth = Truth(7)
    truth.begin_promotion(40.0)
    assert np.sum(truth.blend(time) ** 2) == pytest.approx(1.0)
    assert (truth.blend(time)[0] == 1.0) == (time < 40.0)


def test_users_and_items_appear_over_time():
    world = World(users=100, items=50, users_per_second=1, items_per_second=1)
    truth = Truth(7, world)
    early = set(truth.draw(0.0, 5000).features.item_id.tolist())
    late = set(truth.draw(200.0, 5000).features.item_id.tolist())
    assert len(early) <= 50
    assert len(late - early) > 50
    # Past the horizon nothing more appears, and nothing breaks.
    assert len(truth.draw(1e6, 100)) == 100


def test_scattered_ids_are_distinct_and_take_any_value():
    indices = np.arange(100_000, dtype=np.int64)
    ids = scattered(indices, salt=1)
    assert len(np.unique(ids)) == len(indices)
    assert (ids < 0).any()
    assert (ids > 2**62).any()
    assert not np.intersect1d(ids, scattered(indices, salt=2)).size
