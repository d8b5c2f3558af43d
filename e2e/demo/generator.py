"""Plays a stream at the pace of the wall clock: asks about impressions as they happen, publishes labels afterwards.

Clicks go to one sink (a Kafka topic), conversions of the clicked ones to another (TFRecord segments in the object
store). A label becomes known ``label_delay`` after its impression, so that an answer given meanwhile can't have learned
from it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from e2e.demo import tf_example
from e2e.demo.logs import Block
from e2e.demo.samples import Batch


class Source(Protocol):
    """Where impressions come from: the synthetic truth or a real log."""

    def draw(self, time: float, count: int) -> Batch:
        """``count`` impressions of the instant ``time`` (seconds since live); fewer when the log ends."""
        ...

    def begin_promotion(self, time: float) -> None:
        """Shift the effects from ``time`` on, where the source can."""
        ...


class Sink(Protocol):
    """Where labelled samples go."""

    def put(self, samples: list[bytes]) -> None:
        """Publish serialized examples in this order; must not wait long."""
        ...

    def flush(self, seconds: float) -> None:
        """Wait until all are durable.

        Raises:
          CannotReachError: they are not, after ``seconds``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the stream plays.

    Attributes:
      rate: impressions per second.
      tick: seconds of stream in one block.
      label_delay: seconds from an impression to its click's label, and again to its conversion's.
      history: seconds of stream that are published at once, before it goes live.
    """

    rate: float = 400.0
    tick: float = 0.2
    label_delay: float = 1.0
    history: float = 100.0

    @property
    def per_tick(self) -> int:
        """Impressions in one block."""
        return max(1, round(self.rate * self.tick))


class Generator:
    """The stream, its two sinks and whoever is asked about an impression as it happens.

    ``step`` does what is due at a given time and is all that tests need; ``run`` calls it until told to stop.
    """

    def __init__(self, source: Source, clicks: Sink, conversions: Sink, pace: Pace) -> None:
        self.blocks: list[Block] = []
        self.published = {"click": 0, "order": 0}
        self.asked: Callable[[Block], None] = lambda _block: None
        self._source = source
        self._sinks = {"click": clicks, "order": conversions}
        self._pace = pace
        self._live_at: float | None = None
        self._ticks = 0
        self._waiting: dict[str, deque[tuple[float, Block]]] = {"click": deque(), "order": deque()}
        self._promote = threading.Event()
        self.promotion_ms: int | None = None

    def publish_history(self, now: float) -> int:
        """Publish the seconds before ``now`` (Unix) at once, without asking; returns how many there were."""
        ticks = int(self._pace.history / self._pace.tick)
        count = 0
        for back in range(ticks, 0, -1):
            seconds = back * self._pace.tick
            batch = self._source.draw(-seconds, self._pace.per_tick)
            block = Block(-back, int((now - seconds) * 1000), batch)
            self._publish("click", block)
            self._publish("order", block)
            count += len(batch)
        return count

    def begin_promotion(self) -> None:
        """Let the promotion begin with the next tick; safe from any thread."""
        self._promote.set()

    def step(self, now: float) -> None:
        """Make the blocks and publish the labels that are due at ``now`` (Unix seconds)."""
        if self._live_at is None:
            self._live_at = now
        while (at := self._live_at + self._ticks * self._pace.tick) <= now:
            stream_time = self._ticks * self._pace.tick
            if self._promote.is_set() and self.promotion_ms is None:
                self._source.begin_promotion(stream_time)
                self.promotion_ms = int(at * 1000)
            batch = self._source.draw(stream_time, self._pace.per_tick)
            block = Block(self._ticks, int(at * 1000), batch)
            self._ticks += 1
            if not len(batch):
                continue
            self.blocks.append(block)
            self.asked(block)
            self._waiting["click"].append((now + self._pace.label_delay, block))
            self._waiting["order"].append((now + 2 * self._pace.label_delay, block))
        for stream, waiting in self._waiting.items():
            while waiting and waiting[0][0] <= now:
                self._publish(stream, waiting.popleft()[1])

    def run(self, stop: threading.Event) -> None:
        """Step several times a tick until ``stop`` is set, then publish what waits."""
        while not stop.wait(self._pace.tick / 4):
            self.step(time.time())
        for stream, waiting in self._waiting.items():
            while waiting:
                self._publish(stream, waiting.popleft()[1])
        for sink in self._sinks.values():
            sink.flush(30)

    def _publish(self, stream: str, block: Block) -> None:
        batch = block.batch
        rows = np.arange(len(batch)) if stream == "click" else np.flatnonzero(batch.click > 0)
        labels = batch.click if stream == "click" else batch.conversion
        samples = [
            tf_example.sample(batch.features, row, event_time_ms=block.event_ms, label=float(labels[row]))
            for row in rows.tolist()
        ]
        self._sinks[stream].put(samples)
        self.published[stream] += len(samples)
