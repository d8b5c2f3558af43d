"""Holding jars against their committed sums."""

import pytest

from e2e.images import kafka_jars

SUMS = "aa  one.jar\nbb  two.jar\n"


def test_what_agrees_is_taken():
    kafka_jars.check(SUMS, {"one.jar": "aa", "two.jar": "bb"})


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ({"one.jar": "aa"}, "two.jar"),
        ({"one.jar": "aa", "two.jar": "cc"}, "two.jar"),
        ({"one.jar": "aa", "two.jar": "bb", "three.jar": "dd"}, "three.jar"),
    ],
)
def test_missing_changed_and_foreign_jars_are_refused_by_name(found, named):
    with pytest.raises(kafka_jars.WrongSumError, match=f"differ from jars.sha256: {named}"):
        kafka_jars.check(SUMS, found)


def test_every_pinned_jar_has_a_sum():
    names = [line.split()[1] for line in kafka_jars.SUMS.read_text().splitlines()]
    assert "kafka_2.13-4.1.0.jar" in names
    assert len(names) == len(set(names)) == 46
