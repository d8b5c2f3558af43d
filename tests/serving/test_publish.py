from datetime import UTC, datetime
from typing import cast

import pytest
from tandem_serving.dense import Dense
from tandem_serving.errors import NotReady, NotServed
from tandem_serving.publish import Publisher
from tandem_serving.snapshot import Model, Snapshot
from tandem_wire.version import Version

from tests.serving.lineage_writer import SPEC

MODEL = Model(SPEC, cast("Dense", None))
NOW = datetime(2026, 11, 10, tzinfo=UTC)


def snapshot(base, update):
    return Snapshot(Version(base, update), MODEL, {}, (), None)


def published(*versions, keep=3):
    publisher = Publisher(keep)
    for version in versions:
        publisher.publish(snapshot(*version), NOW)
    return publisher


def test_nothing_is_served_before_the_first():
    with pytest.raises(NotReady, match="no base is loaded yet"):
        Publisher(2).pick(None)


@pytest.mark.parametrize("version", [(1, 3), (1, 2), (1, 1)])
def test_the_current_and_those_just_before_can_be_asked_for(version):
    assert published((1, 0), (1, 1), (1, 2), (1, 3)).pick(Version(*version).number).version == Version(*version)


@pytest.mark.parametrize("number", [-1, 0, 1, Version(1, 0).number, Version(1, 4).number, Version(2).number, 2**63 - 1])
def test_another_version_is_not_found_and_the_message_says_what_is(number):
    publisher = published((1, 0), (1, 1), (1, 2), (1, 3))
    with pytest.raises(NotServed, match=r"1000000003 \(1\.3\), 1000000002 \(1\.2\), 1000000001 \(1\.1\)\. Leave"):
        publisher.pick(number)


def test_going_back_to_a_version_does_not_hold_it_twice():
    publisher = published((1, 5), (2, 0), (1, 5))
    assert [each.version for each in publisher.published.recent] == [Version(2, 0)]


def test_dropped_bases_can_not_be_asked_for():
    publisher = published((1, 5), (2, 0), (2, 1))
    publisher.drop(frozenset({1}))
    assert [each.version for each in publisher.published.recent] == [Version(2, 0)]


def test_the_first_version_is_announced_once():
    publisher, seen = Publisher(2), []
    publisher.on_first = lambda: seen.append(publisher.pick(None).version)
    publisher.publish(snapshot(1, 0), NOW)
    publisher.publish(snapshot(1, 1), NOW)
    assert seen == [Version(1, 0)]
