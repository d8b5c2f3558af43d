import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_training.watermark import StreamTime, watermark

from tests.training.builders import named


@pytest.mark.parametrize(
    ("streams", "before", "expected"),
    named(
        ("one stream", [StreamTime(10_000, 2_000, idle=False)], None, 8_000),
        ("the lower one counts", [StreamTime(10_000, 0, idle=False), StreamTime(9_000, 500, idle=False)], None, 8_500),
        ("an idle one does not", [StreamTime(10_000, 0, idle=False), StreamTime(1_000, 0, idle=True)], None, 10_000),
        ("nothing trained yet", [StreamTime(None, 0, idle=False)], None, None),
        ("one has trained nothing", [StreamTime(9, 0, idle=False), StreamTime(None, 0, idle=False)], 7, 7),
        ("one never came and is idle", [StreamTime(9, 0, idle=False), StreamTime(None, 0, idle=True)], 7, 9),
        ("all idle: it stays", [StreamTime(10_000, 0, idle=True)], 7, 7),
    ),
)
def test_watermark(streams, before, expected):
    assert watermark(streams, before) == expected


times = st.builds(StreamTime, st.integers(0, 10**13), st.integers(0, 10**6), st.booleans())


@settings(deadline=None)
@given(st.lists(times, min_size=1, max_size=5))
def test_never_ahead_of_a_stream_that_is_not_idle(streams):
    mark = watermark(streams, None)
    active = [s for s in streams if not s.idle]
    assert (mark is None) == (not active)
    for stream in active:
        assert stream.trained_until is not None
        assert mark is not None
        assert mark <= stream.trained_until - stream.out_of_order
