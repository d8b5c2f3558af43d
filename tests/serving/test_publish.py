from datetime import UTC, datetime
from typing import cast

import pytest
from tandem_serving.engine import Engine
from tandem_serving.errors import EngineBug
from tandem_serving.publish import Published, Publisher, Served
from tandem_wire.version import Version

from tests.serving.lineage_writer import SPEC

NOW = datetime(2026, 11, 10, tzinfo=UTC)


class Told:
    """Notes what it is told to publish; refuses what it does not hold."""

    def __init__(self, *held):
        self.held = held
        self.versions = []

    def publish(self, version):
        if version not in self.held:
            raise EngineBug(f"{version} is not here")
        self.versions.append(version)


def served(base, update):
    return Served(Version(base, update), SPEC, None)


def test_nothing_is_served_before_the_first():
    assert Publisher(cast("Engine", Told())).current is None


def test_the_engine_is_told_of_each_version():
    engine = Told(Version(1, 0), Version(1, 1))
    publisher = Publisher(cast("Engine", engine))
    publisher.publish(served(1, 0), NOW)
    publisher.publish(served(1, 1), NOW)
    assert engine.versions == [Version(1, 0), Version(1, 1)]
    assert publisher.published == Published(served(1, 1), NOW)


def test_what_the_engine_refuses_is_not_said_to_be_served():
    publisher = Publisher(cast("Engine", Told(Version(1, 0))))
    publisher.publish(served(1, 0), NOW)
    with pytest.raises(EngineBug):
        publisher.publish(served(1, 1), NOW)
    assert publisher.current == served(1, 0)
