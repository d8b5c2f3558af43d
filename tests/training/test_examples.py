import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_training.examples import Parser, Reason
from tandem_training.models.ctr_cvr import build

from tests.training.builders import SMALL, T0, example, named, sample, samples

LATEST = T0 + 10_000


@pytest.fixture(scope="module")
def parser():
    return Parser(build(SMALL, ["ctr"]).features)


def test_columns(parser):
    record = sample(user_id=-(2**63), brand=b"\xff\x00", tags=[4, 5], numeric=[0.5, -1.5], label=1.0, event_time=T0)
    parsed, rejected = parser.parse([record], LATEST)
    assert rejected == ()
    assert parsed.inputs["user_id"].tolist() == [[-(2**63)]]
    assert parsed.inputs["brand"].tolist() == [[b"\xff\x00"]]
    assert parsed.inputs["tags"].tolist() == [[4, 5, -1]]
    assert parsed.inputs["numeric"].tolist() == [[0.5, -1.5]]
    assert (parsed.labels.tolist(), parsed.event_times.tolist()) == ([1.0], [T0])


@pytest.mark.parametrize(
    ("record", "reason"),
    named(
        ("bytes that are no message", b"\xff\xffnot a message", Reason.NOT_AN_EXAMPLE),
        ("an empty message", b"", Reason.MISSING_LABEL),
        ("no label", sample(label=None), Reason.MISSING_LABEL),
        ("an empty label", sample(label=[]), Reason.MISSING_LABEL),
        ("two labels", sample(label=[0.0, 1.0]), Reason.BAD_LABEL),
        ("a label of bytes", sample(label=b"1"), Reason.BAD_LABEL),
        ("a label between", sample(label=0.5), Reason.BAD_LABEL),
        ("a label that is NaN", sample(label=float("nan")), Reason.NOT_FINITE),
        ("no event time", sample(event_time=None), Reason.MISSING_EVENT_TIME),
        ("an event time as float", sample(event_time=1.5), Reason.MISSING_EVENT_TIME),
        ("a negative event time", sample(event_time=-5), Reason.MISSING_EVENT_TIME),
        ("an event time too far ahead", sample(event_time=LATEST + 1), Reason.FUTURE_EVENT_TIME),
        ("no number", sample(numeric=None), Reason.MISSING_FEATURE),
        ("one number too few", sample(numeric=[1.0]), Reason.WRONG_SHAPE),
        ("one number too many", sample(numeric=[1.0, 2.0, 3.0]), Reason.WRONG_SHAPE),
        ("NaN", sample(numeric=[1.0, float("nan")]), Reason.NOT_FINITE),
        ("infinity", sample(numeric=[float("inf"), 1.0]), Reason.NOT_FINITE),
        ("numbers as integers", sample(numeric=[1, 2]), Reason.WRONG_TYPE),
        ("two ids where one belongs", sample(user_id=[1, 2]), Reason.WRONG_SHAPE),
        ("too many ids", sample(tags=[1, 2, 3, 4]), Reason.WRONG_SHAPE),
        ("an id as bytes", sample(user_id=b"7"), Reason.WRONG_TYPE),
        ("a string id as integer", sample(brand=7), Reason.WRONG_TYPE),
    ),
)
def test_malformed_records_are_named_and_the_others_kept(parser, record, reason):
    parsed, rejected = parser.parse([sample(1), record, sample(2)], LATEST)
    assert [(r.index, r.reason) for r in rejected] == [(1, reason)]
    assert parsed.event_times.tolist() == [T0 + 1, T0 + 2]


def test_absent_ids_are_padding(parser):
    parsed, rejected = parser.parse([sample(user_id=None, brand=None, tags=None)], LATEST)
    assert rejected == ()
    assert parsed.inputs["user_id"].tolist() == [[-1]]
    assert parsed.inputs["brand"].tolist() == [[b""]]
    assert parsed.inputs["tags"].tolist() == [[-1, -1, -1]]


def test_integer_labels_are_labels():
    """A stream with integer labels is parsed one by one once, and then as fast as one with floats."""
    parser = Parser(build(SMALL, ["ctr"]).features)
    for _ in range(2):
        parsed, rejected = parser.parse([sample(1, label=1), sample(2, label=0)], LATEST)
        assert (parsed.labels.tolist(), rejected) == ([1.0, 0.0], ())
    parsed, rejected = parser.parse([sample(1, label=1.0)], LATEST)
    assert (parsed.labels.tolist(), rejected) == ([1.0], ())


def test_nothing(parser):
    parsed, rejected = parser.parse([], LATEST)
    assert (len(parsed), rejected) == (0, ())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=20))
def test_fast_and_slow_path_agree(parser, seeds):
    records = [sample(seed) for seed in seeds]
    fast, rejected = parser.parse(records, LATEST)
    slow, one_bad = parser.parse([*records, b"\xff"], LATEST)
    assert (rejected, [bad.index for bad in one_bad]) == ((), [len(records)])
    for name, column in fast.inputs.items():
        assert column.dtype == slow.inputs[name].dtype
        assert np.array_equal(column, slow.inputs[name])
    assert np.array_equal(fast.labels, slow.labels)
    assert np.array_equal(fast.event_times, slow.event_times)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_altered_bytes_never_break_a_batch(parser, data):
    """Whatever happens to one record's bytes, the others are trained on."""
    record = bytearray(sample(3))
    for _ in range(data.draw(st.integers(1, 4))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    parsed, rejected = parser.parse([*samples(2), bytes(record)], LATEST)
    assert len(parsed) + len(rejected) == 3
    assert all(np.isfinite(parsed.inputs["numeric"]).ravel())


def test_unknown_features_do_not_matter(parser):
    parsed, rejected = parser.parse(
        [sample(3, other=b"x"), example(label=1.0, event_time=T0, numeric=[1.0, 2.0])], LATEST
    )
    assert (len(parsed), rejected) == (2, ())
