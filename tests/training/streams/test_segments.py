import pytest
from tandem_training.errors import UserError, WorldError
from tandem_training.streams.base import RawSample, advance
from tandem_training.streams.segments import TORN, SegmentReader, SegmentSource
from tandem_wire.errors import NotFound
from tandem_wire.positions import KafkaPosition, SegmentPosition
from tandem_wire.store.local import LocalStore

from tests.training.builders import tear, tfrecord_bytes


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "segments")


@pytest.fixture
def put(store, tmp_path):
    def put(name, *records):
        store.put(name, tfrecord_bytes(records, tmp_path / "writing"))

    return put


def drain(reader: SegmentReader, limit: int = 100) -> list[RawSample]:
    samples: list[RawSample] = []
    while True:
        read = reader.read(limit, 0.0)
        if not read and reader.at_end:
            return samples
        samples += read


def test_segments_come_in_the_order_of_their_names_and_new_ones_follow(store, put):
    put("day-2/a", b"3", b"4")
    put("day-1/b", b"2")
    put("day-1/a", b"1")
    put("day-1/_SUCCESS", b"no")
    reader = SegmentSource("orders", store).open(SegmentPosition())
    assert [s.data for s in drain(reader)] == [b"1", b"2", b"3", b"4"]
    put("day-3/a", b"5")
    assert [s.data for s in drain(reader)] == [b"5"]


def test_every_position_is_a_place_to_go_on_from(store, put):
    put("a", b"1", b"2", b"3")
    put("b", b"4")
    put("c", b"5", b"6")
    source = SegmentSource("orders", store)
    samples = drain(source.open(source.start()), limit=2)
    assert [s.data for s in samples] == [b"1", b"2", b"3", b"4", b"5", b"6"]
    for i, sample in enumerate(samples):
        position = advance(source.start(), [sample.cursor])
        rest = drain(source.open(position))
        assert [s.data for s in rest] == [s.data for s in samples[i + 1 :]]


def test_the_end_of_a_segment_is_a_position_of_its_own(store, put):
    put("a", b"1", b"2")
    samples = drain(SegmentSource("orders", store).open(SegmentPosition()))
    assert [s.cursor for s in samples] == [SegmentPosition("", "a", 1), SegmentPosition("a", "", 0)]


@pytest.mark.parametrize("empty", [(), (b"",)])
def test_empty_segments_and_records(store, put, empty):
    put("a", *empty)
    put("b", b"1")
    samples = drain(SegmentSource("orders", store).open(SegmentPosition()))
    assert [s.data for s in samples] == [*(empty or [None]), b"1"]
    assert all(s.fault == "" for s in samples)


@pytest.mark.parametrize("torn", range(3))
def test_a_torn_segment_gives_what_comes_before_the_tear(store, put, torn):
    put("a", b"one", b"two", b"three")
    store.put("a", tear(store.get("a").data, torn))
    put("b", b"four")
    samples = drain(SegmentSource("orders", store).open(SegmentPosition()))
    assert [s.data for s in samples] == [*[b"one", b"two", b"three"][:torn], None, b"four"]
    assert [s.fault for s in samples if s.data is None] == [TORN]
    assert samples[torn].cursor == SegmentPosition("a", "", 0)


def test_bytes_that_are_no_tfrecord(store, put):
    store.put("a", b"not a TFRecord file at all")
    put("b", b"1")
    samples = drain(SegmentSource("orders", store).open(SegmentPosition()))
    assert [(s.data, s.fault) for s in samples] == [(None, TORN), (b"1", "")]


def test_latest_begins_after_what_is_there_and_says_so(store, put):
    put("a", b"1")
    put("b", b"2")
    source = SegmentSource("orders", store, "Latest")
    reader = source.open(source.start())
    samples = drain(reader)
    assert [(s.data, s.cursor) for s in samples] == [(None, SegmentPosition("b", "", 0))]
    put("c", b"3")
    assert [s.data for s in drain(reader)] == [b"3"]
    assert [s.data for s in drain(source.open(SegmentPosition("a", "", 0)))] == [b"2", b"3"]


def test_a_segment_that_vanished_half_read_is_the_users(store, put):
    put("a", b"1", b"2")
    store.delete("a")
    with pytest.raises(UserError, match="stands within a, which is gone") as caught:
        SegmentSource("orders", store).open(SegmentPosition("", "a", 1)).read(10, 0.0)
    assert caught.value.reason == "SamplesExpired"


def test_a_segment_that_vanishes_before_it_is_read_is_looked_for_again(store, put, monkeypatch):
    put("a", b"1")
    reader = SegmentSource("orders", store).open(SegmentPosition())

    def gone(key):
        raise NotFound(key)

    monkeypatch.setattr(store, "get", gone)
    with pytest.raises(WorldError, match="was listed but is gone"):
        reader.read(10, 0.0)


def test_a_position_of_kafka_is_refused(store):
    with pytest.raises(UserError, match="reads segments, but the checkpoint has a position of Kafka"):
        SegmentSource("orders", store).open(KafkaPosition("orders", {}))
