"""Sides in turn, A B C A B C …, so that a machine which drifts drifts for all of them."""

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def interleave(sides: Mapping[str, Callable[[int], float]], runs: int) -> dict[str, list[float]]:
    """Measure every side once a round.

    Args:
      sides: by name; each takes the number of the round and returns its value.
      runs: rounds, at least 1.

    Returns:
      Values by side, in the order of the rounds. Every second round goes backwards, so that no side always follows
      the same one.
    """
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(runs):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in order:
            measured[name].append(sides[name](number))
    return measured


def alternate(quiet: Callable[[], T], busy: Callable[[], T], pairs: int) -> list[tuple[T, T]]:
    """Measure pairs of a quiet and a busy phase, the order within a pair changing from one to the next."""
    measured = []
    for pair in range(pairs):
        if pair % 2 == 0:
            first = quiet()
            measured.append((first, busy()))
        else:
            second = busy()
            measured.append((quiet(), second))
    return measured
