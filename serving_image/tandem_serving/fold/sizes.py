"""Lengths of tensors' axes where the batch is not known yet: an integer, or an integer times the batch.

``None`` stands for a length that is neither. A batch times a batch, or a batch plus one, is such a length; no rewriting
rule looks further at it.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """``units`` rows, or ``units`` rows per sample; as a value of an integer tensor it may be negative."""

    units: int
    batch: bool = False


Length = Size | None
Shape = tuple[Length, ...]

ONE = Size(1)
BATCH = Size(1, batch=True)


def fixed(*units: int) -> Shape:
    """Return the shape of these integers."""
    return tuple(Size(n) for n in units)


def integers(sizes: Iterable[Length]) -> tuple[int, ...] | None:
    """Return plain integers; None where one is not known or depends on the batch."""
    found: list[int] = []
    for size in sizes:
        if size is None or size.batch:
            return None
        found.append(size.units)
    return tuple(found)


def times(a: Length, b: Length) -> Length:
    """Return a · b."""
    if a is None or b is None or (a.batch and b.batch):
        return None
    return Size(a.units * b.units, a.batch or b.batch)


def plus(a: Length, b: Length) -> Length:
    """Return a + b."""
    if a is None or b is None or a.batch != b.batch:
        return None
    return Size(a.units + b.units, a.batch)


def minus(a: Length, b: Length) -> Length:
    """Return a - b."""
    return plus(a, times(Size(-1), b))


def over(a: Length, b: Length) -> Length:
    """Return a / b where it leaves no rest."""
    if a is None or b is None or (b.batch and not a.batch) or b.units == 0 or a.units % b.units:
        return None
    return Size(a.units // b.units, a.batch and not b.batch)


def product(sizes: Iterable[Length]) -> Length:
    """Return how many elements a shape has."""
    whole: Length = ONE
    for size in sizes:
        whole = times(whole, size)
    return whole


def broadcast(a: Shape, b: Shape) -> Shape:
    """Return the shape of an element-wise operation; an axis that can't be told is None."""
    rank = max(len(a), len(b))
    pairs = zip((ONE,) * (rank - len(a)) + a, (ONE,) * (rank - len(b)) + b, strict=True)
    return tuple(_together(x, y) for x, y in pairs)


def _together(a: Length, b: Length) -> Length:
    if b in (a, ONE):
        return a
    if a == ONE:
        return b
    # A length that is not known must be 1 or this one, and the result is this one either way.
    if a is None and b is not None and not b.batch:
        return b
    if b is None and a is not None and not a.batch:
        return a
    return None
