"""What the cores had."""

import pytest

from bench.machine import Times, times


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        (Times(10, 1), Times(20, 3), 0.2),
        (Times(10, 1), Times(20, 1), 0.0),
        (Times(10, 1), Times(10, 1), 0.0),  # no time has passed
        (Times(10, 1), Times(10.01, 1.02), 1.0),  # counted at different moments
        (Times(10, 1.01), Times(20, 1), 0.0),
    ],
)
def test_what_was_stolen_is_a_share_of_what_was_spent_since(before, after, share):
    assert after.stolen_since(before) == pytest.approx(share)


def test_times_go_on():
    first = times()
    while times().all == first.all:
        pass
    assert 0 <= times().stolen_since(first) <= 1
