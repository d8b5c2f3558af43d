"""Labelled impressions in columns: what a source makes, the generator publishes and the client asks about."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

NUMERIC_WIDTH = 4


@dataclass(frozen=True, slots=True)
class Features:
    """What a model sees of n impressions.

    Attributes:
      user_id: int64 (n,), of any value.
      item_id: int64 (n,), of any value.
      query: n byte strings; never empty, since empty is padding to the model.
      brand: int64 (n,).
      user_segment: int64 (n,).
      numeric: float32 (n, 4), finite.
    """

    user_id: Ints
    item_id: Ints
    query: tuple[bytes, ...]
    brand: Ints
    user_segment: Ints
    numeric: Floats

    def __len__(self) -> int:
        return len(self.user_id)

    def take(self, rows: Ints) -> Self:
        """The impressions at ``rows``, in that order."""
        return type(self)(
            user_id=self.user_id[rows],
            item_id=self.item_id[rows],
            query=tuple(self.query[row] for row in rows),
            brand=self.brand[rows],
            user_segment=self.user_segment[rows],
            numeric=self.numeric[rows],
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Impressions of one instant with what came of them.

    Attributes:
      features: the n impressions.
      click: float32 (n,), 0 or 1.
      conversion: float32 (n,), 0 or 1; says something only where ``click`` is 1.
      true_ctr: float64 (n,), the probability that the click was drawn from; NaN where nobody knows it (a real log).
      true_cvr: float64 (n,), the same for the conversion given a click.
    """

    features: Features
    click: Floats
    conversion: Floats
    true_ctr: Doubles
    true_cvr: Doubles

    def __len__(self) -> int:
        return len(self.click)


def join(parts: list[Features]) -> Features:
    """One Features of all parts, in order.

    Raises:
      ValueError: there is no part.
    """
    return Features(
        user_id=np.concatenate([part.user_id for part in parts]),
        item_id=np.concatenate([part.item_id for part in parts]),
        query=tuple(query for part in parts for query in part.query),
        brand=np.concatenate([part.brand for part in parts]),
        user_segment=np.concatenate([part.user_segment for part in parts]),
        numeric=np.concatenate([part.numeric for part in parts]),
    )
