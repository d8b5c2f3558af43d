"""Time that a hypervisor took."""

import pytest

from bench.ops.stolen import Moment, ThreadClocks, took

BEFORE = Moment(wall=10.0, ran=2.0, waited=1.0, pauses=4)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(Moment(13.0, 5.0, 1.0, 4), 3.0, id="ran all the time"),
        pytest.param(Moment(13.0, 3.0, 1.0, 4), 1.0, id="was stolen two seconds of three"),
        pytest.param(Moment(13.0, 3.0, 2.5, 4), 2.5, id="waited for its turn: counts"),
        pytest.param(Moment(13.0, 3.0, 1.0, 5), 3.0, id="paused, for a lock perhaps: all counts"),
        pytest.param(Moment(13.0, 5.1, 1.0, 4), 3.0, id="clocks that differ by a hair: never more than passed"),
    ],
)
def test_took(after, expected):
    assert took(BEFORE, after) == pytest.approx(expected)


def test_the_clocks_of_a_thread_go_forward_while_it_works():
    clocks = ThreadClocks()
    before = clocks.read()
    assert sum(range(300_000)) > 0
    after = clocks.read()
    clocks.close()
    assert after.ran > before.ran
    assert 0 < took(before, after) <= after.wall - before.wall
