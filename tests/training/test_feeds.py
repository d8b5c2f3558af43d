import threading
from dataclasses import dataclass, field

import pytest
from tandem_training.errors import UserError
from tandem_training.examples import Parser
from tandem_training.feeds import Feed
from tandem_training.metrics import Metrics
from tandem_training.models.ctr_cvr import build
from tandem_training.quarantine import BadRecord
from tandem_training.streams.base import RawSample
from tandem_wire.config import KafkaConfig, StreamConfig
from tandem_wire.positions import KafkaPosition, Position

from tests.training.builders import SMALL, T0, example, sample


@dataclass
class Now:
    seconds: float = T0 / 1000

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Kept:
    records: list[BadRecord] = field(default_factory=list)

    def add(self, record: BadRecord) -> None:
        self.records.append(record)


@dataclass
class Queue:
    """In place of the prefetcher: what a test puts in."""

    samples: list[RawSample] = field(default_factory=list)
    at_end: bool = True
    error: Exception | None = None

    @property
    def ahead(self) -> int:
        return len(self.samples)

    def poll(self, limit: int) -> list[RawSample]:
        if self.error is not None and not self.samples:
            raise self.error
        taken, self.samples = self.samples[:limit], self.samples[limit:]
        return taken


class Source:
    def start(self) -> Position:
        return KafkaPosition("clicks", {})


class Bench:
    """A feed with everything around it in hand."""

    def __init__(self, batch: int = 4) -> None:
        self.now, self.kept, self.queue = Now(), Kept(), Queue()
        stream = StreamConfig("click", "ctr", kafka=KafkaConfig("kafka:9092", "clicks"), max_out_of_order_seconds=2.0)
        self.feed = Feed(
            stream,
            source=Source(),  # type: ignore[arg-type]
            position=None,
            parser=Parser(build(SMALL, ["ctr"]).features),
            batch=batch,
            quarantine=self.kept,  # type: ignore[arg-type]
            metrics=Metrics(),
            wake=threading.Event(),
            clock=self.now,
        )
        self.feed._reader = self.queue  # type: ignore[assignment]

    def arrive(self, *records: bytes | None) -> None:
        start = len(self.queue.samples) + self.feed.counters().read
        self.queue.samples += [
            RawSample((0, start + i + 1), record, "EmptyMessage" if record is None else "")
            for i, record in enumerate(records)
        ]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_position_is_that_of_what_was_taken(bench):
    bench.arrive(*(sample(i) for i in range(10)))
    assert bench.feed.waiting().samples == 4
    assert bench.feed.position == KafkaPosition("clicks", {})
    assert len(bench.feed.take()) == 4
    assert bench.feed.position == KafkaPosition("clicks", {0: 4})
    assert bench.feed.waiting().samples == 4
    assert bench.feed.position == KafkaPosition("clicks", {0: 4})


def test_malformed_records_are_counted_kept_and_passed(bench):
    bench.arrive(sample(1), b"\xff", None, example(event_time=T0))
    bench.feed.waiting()
    samples = bench.feed.take()
    bench.feed.trained(samples)
    assert len(samples) == 1
    assert bench.feed.position == KafkaPosition("clicks", {0: 4})
    counters = bench.feed.counters()
    assert (counters.read, counters.trained) == (4, 1)
    assert counters.quarantined == {"EmptyMessage": 1, "MissingLabel": 1, "NotAnExample": 1}
    assert {(r.reason, r.position["kafka"]["offsets"]["0"]) for r in bench.kept.records} == {
        ("NotAnExample", 2),
        ("EmptyMessage", 3),
        ("MissingLabel", 4),
    }


def test_a_batch_of_nothing_but_bad_records_moves_the_position(bench):
    bench.arrive(b"\xff", b"\xfe")
    bench.feed.waiting()
    assert len(bench.feed.take()) == 0
    assert bench.feed.position == KafkaPosition("clicks", {0: 2})
    assert bench.feed.trained_until is None


def test_samples_from_the_future_are_set_aside(bench):
    limit = 300_000
    bench.arrive(sample(event_time=T0 + limit), sample(event_time=T0 + limit + 1))
    bench.feed.waiting()
    assert bench.feed.take().event_times.tolist() == [T0 + limit]
    assert [r.reason for r in bench.kept.records] == ["FutureEventTime"]


def test_waiting_counts_from_the_first_sample(bench):
    bench.now.seconds += 100
    bench.arrive(sample(1))
    assert bench.feed.waiting().seconds == 0
    bench.now.seconds += 0.5
    bench.arrive(sample(2))
    waiting = bench.feed.waiting()
    assert (waiting.samples, waiting.seconds) == (2, 0.5)


def test_a_position_without_samples_is_not_counted(bench):
    bench.queue.samples = [RawSample((1, 40), None)]
    bench.feed.waiting()
    assert len(bench.feed.take()) == 0
    assert bench.feed.position == KafkaPosition("clicks", {1: 40})
    assert (bench.feed.counters().read, bench.feed.counters().quarantined) == (0, {})


def test_the_greatest_event_time_counts_and_silence_makes_idle(bench):
    bench.arrive(sample(1, event_time=T0 + 50), sample(2, event_time=T0 + 20))
    bench.feed.waiting()
    bench.feed.trained(bench.feed.take())
    assert bench.feed.time().trained_until == T0 + 50
    assert bench.feed.time().out_of_order == 2000
    assert not bench.feed.time().idle
    bench.now.seconds += 60
    assert bench.feed.time().idle
    bench.arrive(sample(3))
    bench.feed.waiting()
    assert not bench.feed.time().idle


@pytest.mark.parametrize(
    ("trained_until", "waits", "at_end", "expected"),
    [
        (T0 + 10, True, False, True),
        (T0 + 9, False, True, True),
        (T0 + 9, True, True, False),
        (None, False, False, False),
    ],
)
def test_caught_up(bench, trained_until, waits, at_end, expected):
    bench.feed.trained_until = trained_until
    bench.queue.at_end = at_end
    if waits:
        bench.arrive(sample(1))
        bench.feed.waiting()
    assert bench.feed.caught_up(T0 + 10) is expected


def test_a_streams_error_is_raised_to_the_trainer(bench):
    bench.queue.error = UserError("OffsetsExpired", "gone")
    with pytest.raises(UserError):
        bench.feed.waiting()
