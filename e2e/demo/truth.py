"""A synthetic stream whose truth is known: users, items, queries, brands, segments; a promotion shifts their effects.

The probability behind every label is part of what is drawn, so that a model's AUC can be set beside the truth's own.
Time is seconds since the stream went live; history has negative times. All is decided by the seed, except when the
promotion begins.
"""

from dataclasses import dataclass

import numpy as np

from e2e.demo.samples import NUMERIC_WIDTH, Batch, Doubles, Features, Ints

TOPICS = 12
_MIX_1, _MIX_2, _MIX_3 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


@dataclass(frozen=True, slots=True)
class World:
    """How large the world is and how fast it changes.

    Attributes:
      users, items: how many are known when the stream goes live. users_per_second, items_per_second: how many more
        appear. horizon: seconds after which no more appear. turn: seconds in which the effects of a promotion turn once
        around: what was learned a quarter of it ago is worth nothing.
    """

    users: int = 1500
    items: int = 400
    queries: int = 120
    brands: int = 32
    segments: int = 8
    users_per_second: float = 1.0
    items_per_second: float = 0.4
    horizon: float = 1800.0
    turn: float = 480.0


def scattered(indices: Ints, salt: int) -> Ints:
    """Ids of any value: splitmix64 of index and salt, as two's complement; different indices never collide."""
    with np.errstate(over="ignore"):
        x = indices.astype(np.uint64) + np.uint64(salt * 1_000_003 % 2**64)
        x = x * np.uint64(_MIX_1) + np.uint64(_MIX_1)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(_MIX_2)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(_MIX_3)
        return (x ^ (x >> np.uint64(31))).astype(np.int64)


def sigmoid(logits: Doubles) -> Doubles:
    """Elementwise 1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


class _Task:
    """The effects on one label: those that stay, and those that turn from the promotion on."""

    def __init__(self, rng: np.random.Generator, world: World, bias: float) -> None:
        most_users = world.users + int(world.users_per_second * world.horizon)
        most_items = world.items + int(world.items_per_second * world.horizon)
        self._bias = bias
        self._user = rng.normal(0, 0.45, most_users)
        self._item = rng.normal(0, 0.6, most_items)
        self._query = rng.normal(0, 0.3, world.queries)
        self._brand = rng.normal(0, 0.8, (3, world.brands))
        self._pair = rng.normal(0, 0.4, (3, world.segments, world.brands))
        self._numeric = rng.normal(0, 0.4, (3, NUMERIC_WIDTH))
        self._match = 0.7

    def probability(self, drawn: "_Drawn", blend: Doubles) -> Doubles:
        """The chance of each label, with ``blend`` the weights of the three phases of each turning effect."""
        brand, pair, numeric = (np.tensordot(blend, effect, 1) for effect in (self._brand, self._pair, self._numeric))
        return sigmoid(
            self._bias
            + self._user[drawn.user]
            + self._item[drawn.item]
            + self._query[drawn.query]
            + self._match * drawn.on_topic
            + brand[drawn.brand]
            + pair[drawn.segment, drawn.brand]
            + drawn.numeric @ numeric
        )


@dataclass(frozen=True, slots=True)
class _Drawn:
    user: Ints
    item: Ints
    query: Ints
    brand: Ints
    segment: Ints
    on_topic: Doubles
    numeric: Doubles


class Truth:
    """The stream and the truth behind it.

    Example:
      >>> batch = Truth(seed=7).draw(time=0.0, count=100)
      >>> len(batch)
      100
    """

    def __init__(self, seed: int, world: World | None = None) -> None:
        self.world = world or World()
        self.promotion_at: float | None = None
        self._rng = np.random.default_rng([seed, 1])
        fixed = np.random.default_rng([seed, 0])
        most_users = self.world.users + int(self.world.users_per_second * self.world.horizon)
        most_items = self.world.items + int(self.world.items_per_second * self.world.horizon)
        self._segment_of = fixed.integers(0, self.world.segments, most_users)
        self._brand_of = fixed.integers(0, self.world.brands, most_items)
        self._topic_of = fixed.integers(0, TOPICS, most_items)
        self._ctr = _Task(fixed, self.world, bias=-1.2)
        self._cvr = _Task(fixed, self.world, bias=-1.0)

    def begin_promotion(self, time: float) -> None:
        """From ``time`` on the brands' and segments' effects are others, and they keep turning."""
        self.promotion_at = time

    def blend(self, time: float) -> Doubles:
        """The weights of (everyday, first, second) effects at ``time``; their squares sum to one."""
        if self.promotion_at is None or time < self.promotion_at:
            return np.array([1.0, 0.0, 0.0])
        angle = 2 * np.pi * (time - self.promotion_at) / self.world.turn
        return np.array([0.0, np.cos(angle), np.sin(angle)])

    def draw(self, time: float, count: int) -> Batch:
        """``count`` impressions of the instant ``time`` with their labels and true probabilities."""
        drawn = self._impressions(time, count)
        blend = self.blend(time)
        true_ctr = self._ctr.probability(drawn, blend)
        true_cvr = self._cvr.probability(drawn, blend)
        click = self._rng.random(count) < true_ctr
        conversion = click & (self._rng.random(count) < true_cvr)
        return Batch(
            features=Features(
                user_id=scattered(drawn.user, salt=1),
                item_id=scattered(drawn.item, salt=2),
                query=tuple(b"query %d on topic %d" % (q, q % TOPICS) for q in drawn.query.tolist()),
                brand=drawn.brand,
                user_segment=drawn.segment,
                numeric=drawn.numeric.astype(np.float32),
            ),
            click=click.astype(np.float32),
            conversion=conversion.astype(np.float32),
            true_ctr=true_ctr,
            true_cvr=true_cvr,
        )

    def _impressions(self, time: float, count: int) -> _Drawn:
        rng, world = self._rng, self.world
        since = min(max(time, 0.0), world.horizon - 1)
        users = world.users + int(world.users_per_second * since)
        items = world.items + int(world.items_per_second * since)
        user = (users * rng.random(count) ** 1.5).astype(np.int64)
        # The newest items are the most wanted: half of the impressions go to them with growing weight.
        item = (items * rng.random(count) ** 1.3).astype(np.int64)
        newest = rng.random(count) < 0.3  # noqa: PLR2004
        item = np.where(newest, items - 1 - (0.25 * items * rng.random(count)).astype(np.int64), item)
        query = rng.integers(0, world.queries, count)
        return _Drawn(
            user=user,
            item=item,
            query=query,
            brand=self._brand_of[item],
            segment=self._segment_of[user],
            on_topic=(query % TOPICS == self._topic_of[item]).astype(np.float64),
            numeric=rng.normal(0, 1, (count, NUMERIC_WIDTH)),
        )
