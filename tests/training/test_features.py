import pytest
from tandem_training.errors import UserError
from tandem_training.features import (
    Feature,
    IdFeature,
    NumericFeature,
    TableSpec,
    read_features,
    tables_of,
    time_features,
)
from tandem_training.strict import Section


def read(*declarations: dict[str, object]) -> tuple[Feature, ...]:
    return read_features([Section(d, f"features[{i}]") for i, d in enumerate(declarations)], embedding_dim=8)


def test_defaults():
    assert read({"name": "user_id"}, {"name": "x", "kind": "numeric"}) == (
        IdFeature("user_id", "user_id", 8),
        NumericFeature("x", 1),
    )


@pytest.mark.parametrize(
    ("declaration", "width"),
    [
        ({"name": "a", "dim": 4}, 4),
        ({"name": "a", "dim": 4, "length": 3}, 12),
        ({"name": "a", "dim": 4, "length": 3, "pooling": "sum"}, 4),
        ({"name": "a", "kind": "numeric", "length": 5}, 5),
    ],
)
def test_width(declaration, width):
    assert read(declaration)[0].width == width


@pytest.mark.parametrize(
    ("declarations", "message"),
    [
        ([{"name": "a"}, {"name": "a"}], "which is taken"),
        ([{"name": "label"}], "which is taken"),
        ([{"name": "event_time"}], "which is taken"),
        ([{"name": "a/b"}], "use letters"),
        ([{"name": "a", "table": "../x"}], "use letters"),
        ([{"name": "a", "kind": "numeric", "dim": 3}], "dim is not a field"),
        ([{"name": "a", "pooling": "max"}], "give one of none, sum, mean"),
        ([{"name": "a", "dtype": "float"}], "give one of int64, string"),
        ([{"name": "a", "side": "both"}], "give one of item, user"),
    ],
)
def test_refuses(declarations, message):
    with pytest.raises(UserError, match=message):
        read(*declarations)


def test_a_feature_is_of_the_items_side_unless_it_says_the_users():
    features = read({"name": "a"}, {"name": "b", "side": "user"}, {"name": "c", "kind": "numeric", "side": "user"})
    assert [feature.side for feature in features] == ["item", "user", "user"]


def test_tables_may_be_shared():
    features = read({"name": "a", "table": "t"}, {"name": "b", "table": "t", "length": 4, "pooling": "mean"})
    assert tables_of(features) == (TableSpec("t", 8, "int64"),)


@pytest.mark.parametrize("other", [{"dim": 4}, {"dtype": "string"}])
def test_shared_tables_must_agree(other):
    with pytest.raises(UserError, match='"b" shares table "t"'):
        tables_of(read({"name": "a", "table": "t"}, {"name": "b", "table": "t", **other}))


@pytest.mark.parametrize(
    ("name", "timed"),
    [
        ("hour", True),
        ("day_of_week", True),
        ("dayOfWeek", True),
        ("hour_of_day", True),
        ("user_hour", True),
        ("is_weekend", True),
        ("timestamp", True),
        ("user_id", False),
        ("dwell_time", False),
        ("hourglass_brand", False),
        ("days_since_signup", False),
    ],
)
def test_time_features(name, timed):
    assert bool(time_features([IdFeature(name, name, 2)])) is timed
