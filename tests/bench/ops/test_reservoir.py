"""Memory that is freed as a process grows."""

import pytest

from bench.ops.reservoir import LEAD, MIB, due

FULL = 1024 * MIB


@pytest.mark.parametrize(
    ("resident", "expected"),
    [
        pytest.param(500 * MIB, LEAD, id="at the start its lead is free"),
        pytest.param(800 * MIB, LEAD + 300 * MIB, id="as much more as the process took"),
        pytest.param(5000 * MIB, FULL, id="never more than there is"),
        pytest.param(100 * MIB, LEAD, id="a process that shrank leaves the lead"),
    ],
)
def test_what_is_free_goes_ahead_of_the_process(resident, expected):
    assert due(resident, start=500 * MIB, size=FULL) == expected
