"""One stream as the trainer sees it: what waits, how far it was trained, what was counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import structlog
from tandem_wire.config import StreamConfig
from tandem_wire.positions import Position
from tandem_wire.records import Counters

from tandem_training.cotraining import Waiting
from tandem_training.examples import Parser, Samples
from tandem_training.metrics import Metrics
from tandem_training.quarantine import BadRecord, Quarantine
from tandem_training.streams.base import RawSample, Source, advance
from tandem_training.streams.prefetch import Prefetcher
from tandem_training.watermark import StreamTime

_LOG = structlog.get_logger(__name__)
_BATCHES_AHEAD = 8


class Feed:
    """The samples of one stream on their way into steps.

    ``position`` is always that of the samples taken so far, never of those that merely wait, so that a record which
    carries it and the weights after the same step loses and repeats nothing.

    Args:
      config: of the stream.
      source: opened from the config.
      position: to begin at; None for the stream's start.
      parser: of the model's features.
      batch: samples of a full batch.
      quarantine: takes malformed records.
      metrics: counts.
      wake: set when samples arrive.
      clock: wall time in seconds since the epoch.
    """

    def __init__(  # noqa: PLR0913 - wired in one place, by name
        self,
        config: StreamConfig,
        *,
        source: Source,
        position: Position | None,
        parser: Parser,
        batch: int,
        quarantine: Quarantine,
        metrics: Metrics,
        wake: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        self.name = config.name
        self.task = config.task
        self.position = position if position is not None else source.start()
        self.trained_until: int | None = None
        self._config = config
        self._parser = parser
        self._batch = batch
        self._quarantine = quarantine
        self._metrics = metrics
        self._clock = clock
        self._reader = Prefetcher(config.name, source, self.position, _BATCHES_AHEAD * batch, wake)
        self._waiting: list[RawSample] = []
        self._first_waits_since = clock()
        self._last_arrival = clock()
        self._read = 0
        self._trained = 0
        self._quarantined: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to read."""
        self._reader.start()

    def stop(self) -> None:
        """Stop reading."""
        self._reader.stop()

    def waiting(self) -> Waiting:
        """Fetch what has arrived and say what waits."""
        now = self._clock()
        room = self._batch - len(self._waiting)
        arrived = self._reader.poll(room) if room > 0 else []
        if arrived:
            if not self._waiting:
                self._first_waits_since = now
            self._waiting += arrived
            self._last_arrival = now
            count = sum(sample.data is not None or bool(sample.fault) for sample in arrived)
            self._read += count
            self._metrics.read.labels(self.name).inc(count)
        return Waiting(len(self._waiting), now - self._first_waits_since, self.trained_until)

    def take(self) -> Samples:
        """Take what waits, at most a batch: parse it, set malformed records aside, move the position past all of it."""
        raw, self._waiting = self._waiting, []
        before, self.position = self.position, advance(self.position, [sample.cursor for sample in raw])
        self._first_waits_since = self._clock()
        full = [sample for sample in raw if sample.data is not None]
        latest = int((self._clock() + self._config.max_future_skew_seconds) * 1000)
        samples, rejected = self._parser.parse([sample.data for sample in full if sample.data is not None], latest)
        for bad in rejected:
            self._set_aside(before, full[bad.index], bad.reason.value)
        for sample in raw:
            if sample.fault:
                self._set_aside(before, sample, sample.fault)
        return samples

    def trained(self, samples: Samples) -> None:
        """Note that a step has learned from samples."""
        self._trained += len(samples)
        self._metrics.trained.labels(self.name).inc(len(samples))
        latest = int(samples.event_times.max())
        self.trained_until = latest if self.trained_until is None else max(self.trained_until, latest)

    def time(self) -> StreamTime:
        """Say where the stream stands for the watermark; it is idle when nothing came or waits for ``idleAfter``."""
        idle = not self._waiting and self._clock() - self._last_arrival >= self._config.idle_after_seconds
        return StreamTime(self.trained_until, int(self._config.max_out_of_order_seconds * 1000), idle)

    def caught_up(self, until: int) -> bool:
        """True when everything up to event time ``until`` (ms) that the stream has is trained."""
        if self.trained_until is not None and self.trained_until >= until:
            return True
        return not self._waiting and self._reader.at_end

    @property
    def ahead(self) -> int:
        """Records read ahead of training."""
        return len(self._waiting) + self._reader.ahead

    def counters(self) -> Counters:
        """Return the counts since this process started."""
        return Counters(self._read, self._trained, dict(sorted(self._quarantined.items())))

    def _set_aside(self, before: Position, sample: RawSample, reason: str) -> None:
        self._quarantined[reason] += 1
        self._metrics.quarantined.labels(self.name, reason).inc()
        position = advance(before, [sample.cursor])
        self._quarantine.add(BadRecord(self.name, position.to_value(), reason, sample.data))
