"""The training loop: which stream goes next, one step, what is known afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from tandem_training.checkpoints import Progress, windows_of
from tandem_training.cotraining import Turns, choose
from tandem_training.evaluation import Evaluation
from tandem_training.examples import Samples
from tandem_training.feeds import Feed
from tandem_training.metrics import Metrics
from tandem_training.step import Steps
from tandem_training.turnover import Sweeper
from tandem_training.watermark import watermark

_LOG = structlog.get_logger(__name__)
_PATIENCE: Final = 0.5
_IDLE_SECONDS: Final = 0.05
_REPORT_SECONDS: Final = 10.0


class Trainer:
    """Trains a model on its feeds, step by step; owned by one thread.

    Args:
      feeds: one per stream.
      steps: compiled steps of the model.
      sweeper: lets rows leave.
      evaluation: takes every prediction.
      batch: samples of a full batch.
      metrics: counts and times.
      wake: set by feeds when samples arrive.
      watermark: to go on from, ms.
    """

    def __init__(  # noqa: PLR0913 - wired in one place, by name
        self,
        feeds: Sequence[Feed],
        *,
        steps: Steps,
        sweeper: Sweeper,
        evaluation: Evaluation,
        batch: int,
        metrics: Metrics,
        wake: threading.Event,
        watermark: int | None,
    ) -> None:
        self.feeds = tuple(feeds)
        self.last_batch: Samples | None = None
        self.steps_taken = 0
        self._steps = steps
        self._sweeper = sweeper
        self._evaluation = evaluation
        self._batch = batch
        self._metrics = metrics
        self._wake = wake
        self._watermark = watermark
        self._turns = Turns()
        self._report = _Report(self)

    def run(self, until: Callable[[], bool], boundary: Callable[[], None]) -> None:
        """Train until told to stop.

        Args:
          until: asked before each step.
          boundary: called before each step, and while waiting for samples.
        """
        while not until():
            boundary()
            self._report.tick()
            if not self.train_once():
                self._wake.wait(_IDLE_SECONDS)
                self._wake.clear()

    def train_once(self) -> bool:
        """Take one step if enough samples wait; False when there was nothing to do."""
        chosen = choose([feed.waiting() for feed in self.feeds], self._turns, self._batch, _PATIENCE)
        if chosen is None:
            return False
        feed = self.feeds[chosen]
        samples = feed.take()
        if len(samples):
            began = time.perf_counter()
            scores = self._steps.train(feed.task, samples)
            self._metrics.step.labels(feed.task).observe(time.perf_counter() - began)
            feed.trained(samples)
            self._evaluation.add(feed.task, samples.event_times, samples.labels, scores)
            self.last_batch = samples
            self.steps_taken += 1
            left = self._sweeper.sweep(int(samples.event_times.max()))
            if left:
                self._metrics.rows_left.inc(left)
        self._turns = self._turns.after(chosen)
        return True

    def watermark(self) -> int | None:
        """Return the watermark of the trained state in ms."""
        self._watermark = watermark((feed.time() for feed in self.feeds), self._watermark)
        return self._watermark

    def progress(self, *, all_windows: bool) -> Progress:
        """Say how far training is.

        Args:
          all_windows: every kept evaluation window, or only those that changed since the last such call.
        """
        results = self._evaluation.results() if all_windows else self._evaluation.changed()
        return Progress(
            positions={feed.name: feed.position for feed in self.feeds},
            event_times={feed.name: feed.trained_until for feed in self.feeds if feed.trained_until is not None},
            watermark=self.watermark(),
            windows=windows_of(results),
            counters={feed.name: feed.counters() for feed in self.feeds},
        )

    def caught_up(self, until: int) -> bool:
        """True when every stream is trained up to event time ``until`` (ms) or has nothing more."""
        return all(feed.caught_up(until) for feed in self.feeds)

    def report(self, seconds: float, trained: dict[str, int]) -> None:
        """Log and publish how training goes; ``trained`` are the counts of the report before."""
        line: dict[str, object] = {"steps": self.steps_taken}
        for feed in self.feeds:
            counters = feed.counters()
            line[feed.name] = {
                "perSecond": round((counters.trained - trained.get(feed.name, 0)) / seconds, 1),
                "trained": counters.trained,
                "waiting": feed.ahead,
                "quarantined": sum(counters.quarantined.values()),
            }
            trained[feed.name] = counters.trained
            self._metrics.waiting.labels(feed.name).set(feed.ahead)
        for task in sorted({feed.task for feed in self.feeds}):
            window = self._evaluation.latest(task)
            if window is not None:
                line[f"auc_{task}"] = None if window.auc is None else round(window.auc, 4)
                self._metrics.auc.labels(task).set(float("nan") if window.auc is None else window.auc)
                self._metrics.loss.labels(task).set(window.loss)
                self._metrics.predicted.labels(task).set(window.predicted)
                self._metrics.observed.labels(task).set(window.positives / max(window.samples, 1))
        mark = self.watermark()
        if mark is not None:
            self._metrics.watermark.set(mark / 1000)
            line["behindSeconds"] = round(time.time() - mark / 1000, 1)
        _LOG.info("training", **line)


class _Report:
    """Calls the trainer's report every ten seconds."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._last = time.monotonic()
        self._trained: dict[str, int] = {}

    def tick(self) -> None:
        """Report when it is time."""
        now = time.monotonic()
        if now - self._last >= _REPORT_SECONDS:
            self._trainer.report(now - self._last, self._trained)
            self._last = now
