"""Records that are no samples: counted by reason, set aside with their position, passed over."""

# ruff: noqa: D103 - a test's name says what it shows
import numpy as np
import pytest
from confluent_kafka import Producer

from e2e.demo import tf_example
from e2e.demo.kube import Json
from e2e.demo.tf_example import bytes_feature, float_feature, int64_feature
from e2e.demo.truth import Truth
from e2e.faults.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def whole(event_ms: int) -> dict[str, bytes]:
    """The features of a good sample."""
    features = Truth(seed=1).draw(0.0, 1).features
    return {
        "event_time": int64_feature(event_ms),
        "label": float_feature(1.0),
        "user_id": int64_feature(int(features.user_id[0])),
        "item_id": int64_feature(int(features.item_id[0])),
        "query": bytes_feature(features.query[0]),
        "brand": int64_feature(3),
        "user_segment": int64_feature(1),
        "numeric": float_feature(0.0, 0.0, 0.0, 0.0),
    }


def bad_records(event_ms: int) -> dict[str, bytes]:
    """One of each kind, by what is wrong with it."""
    good = whole(event_ms)
    return {
        "no example": b"\xff\xffthis is no protobuf",
        "no label": tf_example.example({name: one for name, one in good.items() if name != "label"}),
        "label NaN": tf_example.example({**good, "label": float_feature(float("nan"))}),
        "feature infinite": tf_example.example({**good, "numeric": float_feature(0, float(np.inf), 0, 0)}),
        "wrong shape": tf_example.example({**good, "numeric": float_feature(0.0, 0.0)}),
        "far ahead": tf_example.example({**good, "event_time": int64_feature(event_ms + 3_600_000)}),
    }


def test_bad_records_are_counted_set_aside_and_skipped(world: World) -> None:
    bad = bad_records(world.play.generator.blocks[-1].event_ms)
    with world.watched() as seen:
        before = sum(_quarantined(world).values())
        producer = Producer({"bootstrap.servers": world.play.addresses.kafka})
        for record in bad.values():
            producer.produce(world.play.plan.clicks, record)
        assert producer.flush(30) == 0
        world.until("all of them set aside", lambda: sum(_quarantined(world).values()) >= before + len(bad), seconds=90)
        # Not all for one reason: a person must see what is wrong with their stream.
        assert len(_quarantined(world)) > 2, _quarantined(world)  # noqa: PLR2004
        world.until("their positions in the store", lambda: _lines(world) >= len(bad), seconds=60)
        world.goes_on()
    assert not seen.failures, seen.failures[0]


def _quarantined(world: World) -> dict[str, int]:
    streams = world.system.status(world.name).get("streams") or []
    click: Json = next((one for one in streams if one["name"] == "click"), {})
    return dict(click.get("quarantined") or {})


def _lines(world: World) -> int:
    store = world.play.store()
    return sum(store.get(entry.key).data.count(b"\n") for entry in store.list("quarantine/click/"))
