import pytest
from tandem_training.errors import UserError
from tandem_training.strict import Section


@pytest.mark.parametrize(
    ("values", "read", "expected"),
    [
        ({"a": 3}, lambda s: s.integer("a", low=1), 3),
        ({}, lambda s: s.integer("a", 7, low=1), 7),
        ({"a": None}, lambda s: s.integer("a", 7, low=1), 7),
        ({"a": [1, 2]}, lambda s: s.integers("a", low=1), (1, 2)),
        ({"a": 1}, lambda s: s.number("a", low=0.0), 1.0),
        ({"a": False}, lambda s: s.flag("a", default=True), False),
        ({"a": "x"}, lambda s: s.text("a", among=("x", "y")), "x"),
        ({"a": ["x"]}, lambda s: s.texts("a"), ("x",)),
    ],
)
def test_reads(values, read, expected):
    section = Section(values, "spec")
    assert read(section) == expected
    section.done()


@pytest.mark.parametrize(
    ("values", "read", "message"),
    [
        ({}, lambda s: s.integer("a", low=1), "spec.a is missing"),
        ({"a": 0}, lambda s: s.integer("a", low=1), r"spec.a is 0; it must lie in \[1, "),
        ({"a": True}, lambda s: s.integer("a", low=1), "spec.a is a boolean"),
        ({"a": [1, "x"]}, lambda s: s.integers("a", low=1), r"spec.a\[1\] is a string"),
        ({"a": "12"}, lambda s: s.integers("a", low=1), "give a list"),
        ({"a": float("nan")}, lambda s: s.number("a", low=0.0), "give a finite number"),
        ({"a": 2}, lambda s: s.number("a", low=0.0, high=1.0), "must lie in"),
        ({"a": 1}, lambda s: s.flag("a", default=True), "give true or false"),
        ({"a": "z"}, lambda s: s.text("a", among=("x", "y")), 'is "z"; give one of x, y'),
        ({"a": ""}, lambda s: s.text("a"), "non-empty"),
        ({"a": [""]}, lambda s: s.texts("a"), r"spec.a\[0\]"),
        ({"a": [3]}, lambda s: s.sections("a"), r"spec.a\[0\] is a number"),
        ({"b": 3}, lambda s: (s.integer("a", 1, low=0), s.done()), "spec.b is not a field; remove it or use one of a"),
    ],
)
def test_refuses(values, read, message):
    with pytest.raises(UserError, match=message):
        read(Section(values, "spec"))


def test_refuses_what_is_no_object():
    with pytest.raises(UserError, match="spec is a list; give an object"):
        Section([1], "spec")
