import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_serving.fold import fold
from tandem_serving.fold.building import cached_only
from tandem_serving.fold.call_graph import Cached, Intervals, call
from tandem_wire.errors import InvalidValue

from tests.serving.fold import running
from tests.serving.fold.test_building import norm_first

CASES = [
    ("the first call runs", Intervals(0, 0.0), None, 3.0, True),
    ("no interval: never again", Intervals(0, 0.0), Cached(0.0, 10**9), 1e9, False),
    ("every call", Intervals(1, 0.0), Cached(3.0, 1), 3.0, True),
    ("one more to serve", Intervals(3, 0.0), Cached(3.0, 2), 3.0, False),
    ("served its calls", Intervals(3, 0.0), Cached(3.0, 3), 3.0, True),
    ("just before its time", Intervals(0, 0.5), Cached(3.0, 9), 3.4999, False),
    ("at its time", Intervals(0, 0.5), Cached(3.0, 9), 3.5, True),
    ("by calls before time", Intervals(2, 9.0), Cached(3.0, 2), 3.1, True),
    ("by time before calls", Intervals(9, 0.5), Cached(3.0, 2), 4.0, True),
    ("the clock went back", Intervals(0, 0.5), Cached(3.0, 2), 2.9, True),
    ("the clock went back, and does not count", Intervals(3, 0.0), Cached(3.0, 2), 2.9, False),
]


@pytest.mark.parametrize(
    ("intervals", "cached", "now", "runs"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_one_call(intervals, cached, now, runs):
    expected = Cached(now, 1) if runs else Cached(cached.made, cached.calls + 1)
    assert call(intervals, cached, now) == (runs, expected)


@given(st.integers(1, 9), st.integers(1, 60))
def test_by_calls_alone_it_runs_at_every_nth(interval, calls):
    cached, ran = None, []
    for i in range(calls):
        runs, cached = call(Intervals(interval, 0.0), cached, 0.0)
        ran += [i] if runs else []
    assert ran == list(range(0, calls, interval))


@given(st.floats(0.1, 5.0), st.lists(st.floats(0.0, 3.0), max_size=30))
def test_by_time_alone_no_result_is_served_at_its_age_or_later(interval, gaps):
    cached, now = None, 0.0
    for gap in gaps:
        now += gap
        _, cached = call(Intervals(0, interval), cached, now)
        assert now - cached.made < interval


@pytest.mark.parametrize(
    ("intervals", "field"),
    [((-1, 0.0), "countInterval"), ((0, -0.1), "timeInterval"), ((0, float("nan")), "timeInterval")],
)
def test_refused(intervals, field):
    with pytest.raises(InvalidValue) as raised:
        Intervals(*intervals)
    assert raised.value.field == field


def test_what_is_cached_goes_wrong_with_weights_that_move_together():
    """A layer's kernel, mean and deviation grow by a tenth: only an old fold of batch norm answers differently."""
    exported = running.export({"a": 4, "b": 3}, norm_first)
    grown = list(exported.weights)
    kernel, bias, mean, variance = 4, 5, 6, 7
    for i, factor in ((kernel, 1.1), (bias, 1.1), (mean, 1.1), (variance, 1.21)):
        grown[i] = (grown[i] * factor).astype(np.float32)
    features = running.batch(exported.spec, 50)
    program = fold(exported.spec, exported.graph)
    (old, _), (new, _) = (running.rest(program, features, running.slots(program, w)) for w in (exported.weights, grown))
    article = cached_only(exported.spec, exported.graph)
    right, _ = running.rest(article, features, running.slots(article, grown))
    np.testing.assert_allclose(right, new, atol=1e-5)
    before, after = running.slots(article, exported.weights), running.slots(article, grown)
    mixed_slots = [a if slot.weight is not None else b for slot, a, b in zip(article.slots, after, before, strict=True)]
    mixed, _ = running.rest(article, features, mixed_slots)
    # Only epsilon keeps the old answers from being right.
    assert np.abs(mixed - right).max() > 100 * np.abs(old - right).max() > 0
