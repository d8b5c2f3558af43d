import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_serving.fold.sizes import BATCH, ONE, Size, broadcast, fixed, integers, minus, over, plus, product, times

SIZES = st.builds(Size, st.integers(-50, 50), st.booleans())
BATCHES = st.sampled_from([1, 7, 1000])


def at(size, batch):
    """What a size is for one batch."""
    return size.units * (batch if size.batch else 1)


@given(SIZES, SIZES, BATCHES)
def test_what_is_told_holds_for_every_batch(a, b, batch):
    for told, right in (
        (times(a, b), at(a, batch) * at(b, batch)),
        (plus(a, b), at(a, batch) + at(b, batch)),
        (minus(a, b), at(a, batch) - at(b, batch)),
    ):
        assert told is None or at(told, batch) == right
    quotient = over(a, b)
    assert quotient is None or at(quotient, batch) * at(b, batch) == at(a, batch)


@given(SIZES, SIZES)
def test_nothing_is_told_only_where_it_can_not_be(a, b):
    assert (times(a, b) is None) == (a.batch and b.batch)
    assert (plus(a, b) is None) == (minus(a, b) is None) == (a.batch != b.batch)


BROADCASTS = [
    ("equal", (BATCH, Size(3)), (BATCH, Size(3)), (BATCH, Size(3))),
    ("a row", (BATCH, Size(3)), fixed(3), (BATCH, Size(3))),
    ("a column", (BATCH, ONE), (BATCH, Size(3)), (BATCH, Size(3))),
    ("a scalar", (), (BATCH, Size(3)), (BATCH, Size(3))),
    ("one sample", fixed(1, 3), (BATCH, ONE), (BATCH, Size(3))),
    ("not known, against a length", (None, Size(3)), fixed(4, 3), fixed(4, 3)),
    ("not known, against the batch", (None, Size(3)), (BATCH, Size(3)), (None, Size(3))),
    ("a length against the batch, which may be one", fixed(4), (BATCH,), (None,)),
]


@pytest.mark.parametrize(("a", "b", "expected"), [row[1:] for row in BROADCASTS], ids=[row[0] for row in BROADCASTS])
def test_broadcast(a, b, expected):
    assert broadcast(a, b) == broadcast(b, a) == expected


def test_products_and_integers():
    assert product(()) == ONE
    assert product((BATCH, Size(3), Size(4))) == Size(12, batch=True)
    assert product((BATCH, BATCH)) is None
    assert product((Size(2), None)) is None
    assert integers(fixed(2, 3)) == (2, 3)
    assert integers((BATCH,)) is None
    assert integers((None,)) is None
