import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tandem_training.cotraining import Waiting
from tandem_training.evaluation import Evaluation
from tandem_training.examples import Samples
from tandem_training.metrics import Metrics
from tandem_training.trainer import Trainer
from tandem_training.turnover import Sweeper
from tandem_training.watermark import StreamTime
from tandem_wire.positions import KafkaPosition
from tandem_wire.records import Counters


@dataclass
class Stream:
    """A feed whose samples are numbers of event time."""

    name: str
    task: str
    times: list[int] = field(default_factory=list)
    trained_until: int | None = None
    taken: int = 0
    idle: bool = False
    ahead: int = 0

    @property
    def position(self) -> KafkaPosition:
        return KafkaPosition(self.name, {0: self.taken})

    def waiting(self) -> Waiting:
        return Waiting(min(len(self.times), 4), 0.0, self.trained_until)

    def take(self) -> Samples:
        batch, self.times = self.times[:4], self.times[4:]
        self.taken += len(batch)
        good = np.array([t for t in batch if t >= 0], np.int64)
        return Samples({}, np.ones(len(good), np.float32), good)

    def trained(self, samples: Samples) -> None:
        self.trained_until = max(self.trained_until or 0, int(samples.event_times.max()))

    def time(self) -> StreamTime:
        return StreamTime(self.trained_until, 0, self.idle)

    def counters(self) -> Counters:
        return Counters(self.taken, self.taken, {})

    def caught_up(self, until: int) -> bool:
        return (self.trained_until or 0) >= until


@dataclass
class Steps:
    log: list[tuple[str, list[int]]] = field(default_factory=list)

    def train(self, task: str, samples: Samples) -> np.ndarray:
        self.log.append((task, samples.event_times.tolist()))
        return np.full(len(samples), 0.5, np.float32)


def trainer(*streams: Stream) -> tuple[Trainer, Steps]:
    steps = Steps()
    feeds: Any = streams
    compiled: Any = steps
    made = Trainer(
        feeds,
        steps=compiled,
        sweeper=Sweeper([], ttl=None, zero_rows=False),
        evaluation=Evaluation(1000),
        batch=4,
        metrics=Metrics(),
        wake=threading.Event(),
        watermark=None,
    )
    return made, steps


def test_both_streams_move_through_the_same_time():
    clicks, orders = Stream("click", "ctr", list(range(0, 80, 2))), Stream("order", "cvr", list(range(0, 80, 10)))
    made, steps = trainer(clicks, orders)
    while made.train_once():
        if clicks.trained_until is not None and orders.trained_until is not None and orders.times:
            assert clicks.trained_until <= orders.trained_until + 8
    assert [task for task, _ in steps.log].count("cvr") == 2
    assert [time for task, times in steps.log if task == "ctr" for time in times] == list(range(0, 80, 2))


def test_a_stalled_stream_stalls_nobody():
    made, steps = trainer(Stream("click", "ctr", list(range(40))), Stream("order", "cvr"))
    for _ in range(10):
        assert made.train_once()
    assert not made.train_once()
    assert len(steps.log) == 10


def test_a_batch_of_bad_records_is_no_step_but_is_progress():
    stream = Stream("click", "ctr", [-1, -1, -1, -1, 5, 6, 7, 8])
    made, steps = trainer(stream)
    assert made.train_once()
    assert (steps.log, made.steps_taken) == ([], 0)
    assert made.progress(all_windows=True).positions == {"click": KafkaPosition("click", {0: 4})}
    assert made.train_once()
    assert made.steps_taken == 1


def test_progress_is_of_what_was_trained():
    made, _ = trainer(Stream("click", "ctr", [1, 2, 3, 4, 5, 6, 7, 8]), Stream("order", "cvr", [2, 2, 2, 2]))
    made.train_once()
    made.train_once()
    progress = made.progress(all_windows=False)
    assert progress.positions == {"click": KafkaPosition("click", {0: 4}), "order": KafkaPosition("order", {0: 4})}
    assert progress.event_times == {"click": 4, "order": 2}
    assert progress.watermark == 2
    assert [(w.task, w.samples) for w in progress.windows] == [("ctr", 4), ("cvr", 4)]
    assert made.progress(all_windows=False).windows == ()
    assert len(made.progress(all_windows=True).windows) == 2


@pytest.mark.parametrize(("until", "expected"), [(2, True), (3, False)])
def test_caught_up_means_all_streams(until, expected):
    made, _ = trainer(Stream("click", "ctr", trained_until=9), Stream("order", "cvr", trained_until=2))
    assert made.caught_up(until) is expected


def test_run_calls_the_boundary_between_steps_and_while_waiting():
    made, steps = trainer(Stream("click", "ctr", list(range(8))))
    seen: list[int] = []
    made.run(lambda: len(seen) >= 5, lambda: seen.append(len(steps.log)))
    assert seen == [0, 1, 2, 2, 2]
