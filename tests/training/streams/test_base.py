import pytest
from tandem_training.streams.base import advance
from tandem_wire.positions import KafkaPosition, SegmentPosition


@pytest.mark.parametrize(
    ("position", "cursors", "expected"),
    [
        (KafkaPosition("t", {0: 5}), [], KafkaPosition("t", {0: 5})),
        (KafkaPosition("t", {0: 5}), [(0, 6), (1, 40), (0, 7)], KafkaPosition("t", {0: 7, 1: 40})),
        (SegmentPosition(), [SegmentPosition("", "a", 1), SegmentPosition("a", "", 0)], SegmentPosition("a", "", 0)),
    ],
)
def test_advance(position, cursors, expected):
    assert advance(position, cursors) == expected


@pytest.mark.parametrize(
    ("position", "cursor"), [(KafkaPosition("t", {}), SegmentPosition()), (SegmentPosition(), (0, 1))]
)
def test_a_cursor_of_another_stream_is_a_programming_error(position, cursor):
    with pytest.raises(TypeError):
        advance(position, [cursor])
