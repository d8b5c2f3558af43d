"""What a table tells of itself, and what a sweep of it did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableStats:
    """A table in numbers, at one moment.

    Args:
      size: rows.
      bytes_reserved: memory held from the system, with what is made ready ahead.
      bytes_used: of live rows with their slots and counters, the index, the filter and the tombstones.
      tombstones: removals that some consumer of deltas has not acknowledged.
      refused_at_limit: occurrences of ids that got no row because the table was full.
      not_admitted: occurrences of ids that the admission rule gave no row.
      evicted: rows that left to make room for others.
    """

    size: int
    bytes_reserved: int
    bytes_used: int
    tombstones: int
    refused_at_limit: int
    not_admitted: int
    evicted: int


@dataclass(frozen=True, slots=True)
class Swept:
    """What one call of ``sweep`` did.

    Args:
      looked: places looked at, with or without a row.
      unseen: rows that left because they were not seen for long.
      zero: rows that left because all their values were exactly 0.
      wrapped: whether the last place was reached; the next sweep begins at the first one again.
    """

    looked: int
    unseen: int
    zero: int
    wrapped: bool

    @property
    def removed(self) -> int:
        """How many rows left."""
        return self.unseen + self.zero

    def __int__(self) -> int:
        return self.removed
