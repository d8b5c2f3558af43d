import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_training.cotraining import MAX_IN_A_ROW, Turns, Waiting, choose

from tests.training.builders import named

FULL, SOME, NONE = 256, 10, 0


@pytest.mark.parametrize(
    ("waiting", "turns", "expected"),
    named(
        ("nothing waits", [Waiting(NONE, 0, 5), Waiting(NONE, 9, 5)], Turns(), None),
        ("too little, and not for long", [Waiting(SOME, 0.2, 5)], Turns(), None),
        ("too little, but for long", [Waiting(SOME, 1.0, 5)], Turns(), 0),
        ("one stream stalls: the other trains", [Waiting(FULL, 0, 9), Waiting(NONE, 60, 5)], Turns(), 0),
        ("the one behind in event time goes", [Waiting(FULL, 0, 9), Waiting(FULL, 0, 5)], Turns(), 1),
        ("the one that has trained nothing goes", [Waiting(FULL, 0, 9), Waiting(FULL, 0, None)], Turns(), 1),
        ("equal: not the last one again", [Waiting(FULL, 0, 5), Waiting(FULL, 0, 5)], Turns(0, 1), 1),
        ("too often in a row", [Waiting(FULL, 0, 9), Waiting(FULL, 0, 5)], Turns(1, MAX_IN_A_ROW), 0),
        ("too often, but nobody else is ready", [Waiting(SOME, 0, 9), Waiting(FULL, 0, 5)], Turns(1, MAX_IN_A_ROW), 1),
    ),
)
def test_choose(waiting, turns, expected):
    assert choose(waiting, turns, batch=256, patience=1.0) == expected


streams = st.lists(
    st.builds(Waiting, st.integers(0, 600), st.floats(0, 5), st.none() | st.integers(0, 10)), min_size=1, max_size=4
)


@settings(deadline=None)
@given(streams, st.builds(Turns, st.integers(-1, 3), st.integers(0, 20)))
def test_never_stalls_while_a_stream_is_ready(waiting, turns):
    chosen = choose(waiting, turns, batch=256, patience=1.0)
    ready = [w.samples >= 256 or (w.samples > 0 and w.seconds >= 1.0) for w in waiting]
    assert (chosen is not None) == any(ready)
    if chosen is not None:
        assert ready[chosen]


@settings(deadline=None)
@given(st.lists(st.integers(0, 1), min_size=30, max_size=60))
def test_no_ready_stream_starves(ahead):
    """However the event times stand, a stream that is always ready waits at most MAX_IN_A_ROW steps."""
    turns, waited = Turns(), [0, 0]
    for behind in ahead:
        chosen = choose([Waiting(FULL, 0, int(behind != i)) for i in range(2)], turns, batch=256, patience=1.0)
        assert chosen is not None
        turns = turns.after(chosen)
        waited = [0 if i == chosen else w + 1 for i, w in enumerate(waited)]
        assert max(waited) <= MAX_IN_A_ROW
