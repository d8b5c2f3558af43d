"""Against librdkafka's own mock cluster: a real broker's protocol in this process."""

import pytest
from confluent_kafka import Producer
from tandem_training.errors import UserError, WorldError
from tandem_training.streams.base import RawSample, advance
from tandem_training.streams.kafka import EMPTY, KafkaReader, KafkaSource
from tandem_wire.positions import KafkaPosition, Position, SegmentPosition


class Broker:
    """A mock cluster with topics of four partitions; it lives as long as its producer."""

    def __init__(self) -> None:
        self.producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "ignored", "log_level": 0})
        (broker,) = self.producer.list_topics(timeout=10).brokers.values()
        self.servers = f"{broker.host}:{broker.port}"

    def produce(self, topic: str, *values: bytes | None, partition: int = 0) -> None:
        for value in values:
            self.producer.produce(topic, value, partition=partition)
        assert self.producer.flush(10) == 0


@pytest.fixture
def broker():
    return Broker()


def partition(sample: RawSample) -> int:
    assert isinstance(sample.cursor, tuple)
    return sample.cursor[0]


def drain(reader: KafkaReader) -> list[RawSample]:
    """Read until the ends of all partitions."""
    samples: list[RawSample] = []
    for _ in range(100):
        samples += reader.read(10, 0.3)
        if reader.at_end:
            return samples
    raise AssertionError("the end never came")


def opened(source: KafkaSource, position: Position | None = None) -> tuple[KafkaReader, list[RawSample]]:
    reader = source.open(position if position is not None else source.start())
    return reader, drain(reader)


def test_reads_all_partitions_each_in_order(broker):
    broker.produce("clicks", b"1", b"2", b"3")
    broker.produce("clicks", b"4", b"5", partition=2)
    reader, samples = opened(KafkaSource("click", broker.servers, "clicks"))
    by_partition = {p: [s.data for s in samples if partition(s) == p and s.data is not None] for p in (0, 2)}
    assert by_partition == {0: [b"1", b"2", b"3"], 2: [b"4", b"5"]}
    end = advance(KafkaPosition("clicks", {}), [s.cursor for s in samples])
    assert end == KafkaPosition("clicks", {0: 3, 1: 0, 2: 2, 3: 0})
    reader.close()


def test_every_position_is_a_place_to_go_on_from(broker):
    broker.produce("clicks", b"1", b"2", b"3")
    source = KafkaSource("click", broker.servers, "clicks")
    reader, samples = opened(source)
    reader.close()
    for i in range(len(samples)):
        position = advance(source.start(), [s.cursor for s in samples[: i + 1]])
        again, rest = opened(source, position)
        again.close()
        assert [s.data for s in rest if s.data is not None] == [s.data for s in samples[i + 1 :] if s.data is not None]


def test_latest_says_where_it_began_before_anything_came(broker):
    broker.produce("clicks", b"1", b"2")
    source = KafkaSource("click", broker.servers, "clicks", "Latest")
    reader, samples = opened(source)
    assert {s.data for s in samples} == {None}
    position = advance(source.start(), [s.cursor for s in samples])
    assert position == KafkaPosition("clicks", {0: 2, 1: 0, 2: 0, 3: 0})
    broker.produce("clicks", b"3")
    reader.close()
    again, rest = opened(source, position)
    again.close()
    assert [s.data for s in rest] == [b"3"]


def test_a_message_without_value_is_set_aside(broker):
    broker.produce("clicks", b"1", None, b"2")
    reader, samples = opened(KafkaSource("click", broker.servers, "clicks"))
    reader.close()
    assert [(s.data, s.fault) for s in samples if partition(s) == 0][1:] == [(b"1", ""), (None, EMPTY), (b"2", "")]


def test_offsets_that_are_gone_are_the_users_decision(broker):
    broker.produce("clicks", b"1")
    reader = KafkaSource("click", broker.servers, "clicks").open(KafkaPosition("clicks", {0: 40, 1: 0, 2: 0, 3: 0}))
    with pytest.raises(UserError, match="partition 0 no longer holds offset 40") as caught:
        drain(reader)
    reader.close()
    assert caught.value.reason == "OffsetsExpired"


@pytest.mark.parametrize(
    ("position", "message"),
    [
        (SegmentPosition(), "the checkpoint's position is of segments"),
        (KafkaPosition("views", {}), 'the checkpoint\'s position is of topic "views"'),
    ],
)
def test_a_position_of_another_stream_is_refused(position, message):
    with pytest.raises(UserError, match=message):
        KafkaSource("click", "localhost:1", "clicks").open(position)


def test_an_unknown_topic_is_the_users(broker):
    with pytest.raises(UserError, match=r'has no topic "nope"\. Create it') as caught:
        KafkaSource("click", broker.servers, "nope").open(KafkaPosition("nope", {}))
    assert caught.value.reason == "NoSuchTopic"


def test_a_broker_that_is_away_is_the_worlds(monkeypatch):
    monkeypatch.setattr("tandem_training.streams.kafka._ANSWER_SECONDS", 0.5)
    with pytest.raises(WorldError, match="does not answer"):
        KafkaSource("click", "127.0.0.1:1", "clicks").open(KafkaPosition("clicks", {}))


def test_partitions_that_come_later_are_read_from_their_beginning(broker):
    broker.produce("clicks", b"1", partition=0)
    broker.produce("clicks", b"2", partition=3)
    reader = KafkaSource("click", broker.servers, "clicks", "Latest").open(KafkaPosition("clicks", {0: 1, 1: 0, 2: 0}))
    samples = drain(reader)
    reader.close()
    assert [(s.cursor, s.data) for s in samples] == [((3, 0), None), ((3, 1), b"2")]
