import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.demo.logs import Answer, Scored
from e2e.demo.score import auc, event_to_answer, score, spread, staleness, swaps, windows

NONE = np.zeros(0, np.float32)


def answer(at, version, connection="c0"):
    return Answer(0, connection, at - 10, at, version, NONE, NONE)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=2, max_size=40))
def test_auc_counts_pairs(rows):
    labels = np.array([row[0] for row in rows], np.float32)
    predictions = np.array([row[1] for row in rows])
    pairs = [
        (p > q) + 0.5 * (p == q)
        for y, p in zip(labels, predictions, strict=True)
        for z, q in zip(labels, predictions, strict=True)
        if y > z
    ]
    expected = sum(pairs) / len(pairs) if pairs else None
    assert auc(labels, predictions) == (None if expected is None else pytest.approx(expected))


def test_auc_of_unknown_predictions_is_unknown():
    assert auc(np.array([0, 1], np.float32), np.array([np.nan, 0.5])) is None


def scored():
    return Scored(
        event_ms=np.array([1000, 1500, 2000, 2500, 9000], np.int64),
        click=np.array([1, 0, 1, 1, 0], np.float32),
        conversion=np.array([0, 0, 1, 0, 0], np.float32),
        ctr={"served": np.array([0.9, 0.1, 0.2, 0.3, 0.5])},
        cvr={"served": np.array([0.1, 0.9, 0.9, 0.3, 0.5])},
    )


def test_windows_take_their_own_events_only():
    found = windows(scored(), origin_ms=1000, width_ms=1000)
    assert [(one.start_ms, one.samples, one.clicks) for one in found] == [(1000, 2, 1), (2000, 2, 2), (9000, 1, 0)]
    assert [one.ctr["served"] for one in found] == [1.0, None, None]
    assert [one.cvr["served"] for one in found] == [None, 1.0, None]
    assert score(scored(), 0, 10_000).samples == 5


def test_events_before_the_origin_are_left_out():
    assert [one.start_ms for one in windows(scored(), origin_ms=2000, width_ms=1000)] == [2000, 9000]


def test_staleness_is_now_less_the_watermark():
    answers = [answer(10_000, 1), answer(12_000, 2), answer(13_000, 3)]
    assert staleness(answers, {1: 7000, 3: 12_500}) == [(10_000, 3.0), (13_000, 0.5)]


def test_an_event_is_answered_by_the_first_weights_that_trained_on_it():
    answers = [answer(10_000, 1), answer(12_000, 2), answer(11_000, 1), answer(15_000, 3)]
    marks = {1: 8000, 2: 11_000, 3: 14_500}
    events = [7000, 8000, 9000, 11_500, 14_600]
    assert event_to_answer(answers, events, marks) == [(7000, 3.0), (8000, 2.0), (9000, 3.0), (11_500, 3.5)]


def test_a_watermark_that_falls_back_answers_nothing_new():
    # A swap may go to a base whose watermark is older for a while.
    answers = [answer(10_000, 5), answer(11_000, 6), answer(12_000, 7)]
    assert event_to_answer(answers, [8500], {5: 8000, 6: 6000, 7: 9000}) == [(8500, 3.5)]


def test_swaps_are_the_first_answers_of_each_base():
    answers = [answer(5, 2 * 10**9 + 4), answer(3, 10**9), answer(4, 2 * 10**9), answer(9, 10**9 + 1)]
    assert swaps(answers) == [(3, 1), (4, 2)]


def test_spread():
    assert spread([]) is None
    found = spread([float(value) for value in range(101)])
    assert found is not None
    assert (found.p50, found.p99, found.largest, found.count) == (50.0, 99.0, 100.0, 101)
