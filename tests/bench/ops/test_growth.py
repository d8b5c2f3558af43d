"""What is read from the calls of several runs."""

import pytest

from bench.ops import growth


@pytest.mark.parametrize(
    ("runs", "worst", "repeated"),
    [
        ([[1, 2, 3]], [3], [3]),
        ([[1, 5, 90], [2, 6, 1], [1, 7, 1]], [90, 6, 7], [6]),  # the machine's 90 comes once, the table's 6 each time
        ([[9, 1], [1, 9], [1, 1]], [9, 9, 1], [1]),
    ],
)
def test_what_comes_once_is_told_from_what_comes_at_the_same_call(
    runs: list[list[float]], worst: list[float], repeated: list[float]
) -> None:
    assert growth.each_worst(runs) == worst
    assert growth.repeated(runs) == repeated


def test_runs_of_different_lengths_are_not_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        growth.repeated([[1.0, 2.0], [1.0]])
