"""A stream of clicks of which the truth is known: few ids carry any signal, most carry none. Pure NumPy."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stream:
    """Samples in order, and what they were drawn from.

    Attributes:
      ids: int64 (n, fields): one id per field; fields share no id.
      labels: float32 (n,).
      chances: float64 (n,), what the labels were drawn with.
      signal: bool (ids,): which ids have an effect.
    """

    ids: Ids
    labels: npt.NDArray[np.float32]
    chances: Floats
    signal: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Truth:
    """How a stream is made.

    Attributes:
      samples: how many.
      fields: ids per sample.
      ids: of each field.
      carrying: share of the ids that have an effect; popular and rare ones alike.
      effect: on the logit, mean of its size; sizes are within a half of it, signs are drawn.
      skew: an id's popularity falls with its rank to this power.
      bias: logit of a sample without effects.
    """

    samples: int = 1_000_000
    fields: int = 5
    ids: int = 2_000
    carrying: float = 0.05
    effect: float = 2.0
    skew: float = 0.7
    bias: float = -1.5


def draw(truth: Truth, seed: int) -> Stream:
    """Draw a stream; the same seed gives the same one."""
    random = np.random.default_rng(seed)
    chance = np.arange(1, truth.ids + 1) ** -truth.skew
    columns, effects = [], []
    for field in range(truth.fields):
        ranks = random.choice(truth.ids, truth.samples, p=chance / chance.sum())
        columns.append(random.permutation(truth.ids)[ranks] + field * truth.ids)
        carries = np.arange(truth.ids) < round(truth.ids * truth.carrying)
        effects.append(
            np.where(random.permutation(carries), truth.effect * random.uniform(0.5, 1.5, truth.ids), 0.0)
            * random.choice([-1.0, 1.0], truth.ids)
        )
    ids = np.stack(columns, axis=1)
    effect = np.concatenate(effects)
    chances = 1 / (1 + np.exp(-(truth.bias + effect[ids].sum(axis=1))))
    labels = (random.random(truth.samples) < chances).astype(np.float32)
    return Stream(ids, labels, chances, effect != 0)


def auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the chance that a click is scored above a non-click; ties count half.

    Raises:
      ValueError: all labels are equal.

    Example:
      >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
      0.75
    """
    positive = np.asarray(labels) > 0
    _, where, counts = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[where]
    hits = int(positive.sum())
    misses = positive.size - hits
    if not hits or not misses:
        raise ValueError("AUC needs clicks and non-clicks")
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))
