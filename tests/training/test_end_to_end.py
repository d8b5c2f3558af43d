"""Both kinds of stream, bad records among good ones, a real S3 server: A bootstraps, B streams, all can be rebuilt."""

import dataclasses
import json
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from tandem_training.model_a import run_a
from tandem_training.model_b import run_b
from tandem_training.session import Job
from tandem_wire.bases import read_base
from tandem_wire.config import KafkaConfig, Role, SegmentsConfig, StoreConfig, StreamConfig, SwiftConfig, TrainingConfig
from tandem_wire.lineage import rebuild, restore_training
from tandem_wire.positions import KafkaPosition, SegmentPosition
from tandem_wire.store import Store, open_store

from tests.training.builders import config, eventually, sample, tfrecord_bytes
from tests.wire.seaweed import ACCESS_KEY, SECRET_KEY, Server, serve

CLICKS, ORDERS = 640, 200


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, serve(tmp_path_factory.mktemp("seaweed")) as server:
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        server.make_bucket("models")
        yield server


def fresh(i: int) -> bytes:
    """A sample of a minute ago."""
    return sample(i, event_time=int(time.time() * 1000) - 60_000 + i)


class Streams:
    """Clicks in Kafka, orders in segments of the store, with ten bad records in each."""

    def __init__(self, s3: Server, folder: Path) -> None:
        self.producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "ignored", "log_level": 0})
        (broker,) = self.producer.list_topics(timeout=10).brokers.values()
        self.folder = folder
        self.store = f"s3://models/{uuid.uuid4().hex}/shop/search"
        self.s3 = s3
        self.orders = open_store(StoreConfig(f"{self.store}-orders", s3.endpoint))
        servers = KafkaConfig(f"{broker.host}:{broker.port}", "clicks")
        segments = SegmentsConfig(f"{self.store}-orders", s3.endpoint)
        self.configs = (
            StreamConfig("click", "ctr", kafka=servers),
            StreamConfig("order", "cvr", segments=segments, idle_after_seconds=2.0),
        )

    def click(self, records: list[bytes]) -> None:
        for i, record in enumerate(records):
            self.producer.produce("clicks", record, partition=i % 2)
        assert self.producer.flush(10) == 0

    def order(self, name: str, records: list[bytes]) -> None:
        self.orders.put(name, tfrecord_bytes(records, self.folder / "writing"))

    def job(self, role: Role, **changed: object) -> Job:
        settings = config(self.store, self.configs, role, **({"training": TrainingConfig(batch_size=32)} | changed))
        settings = dataclasses.replace(settings, store=StoreConfig(self.store, self.s3.endpoint))
        return Job(config=settings, store=open_store(settings.store))


def quarantined(store: Store, stream: str) -> list[str]:
    blobs = [store.get(entry.key).data for entry in store.list(f"quarantine/{stream}/")]
    return [json.loads(line)["reason"] for blob in blobs for line in blob.splitlines()]


def trained(job: Job, stream: str) -> float:
    return job.metrics.registry.get_sample_value("tandem_samples_trained_total", {"stream": stream}) or 0.0


@pytest.mark.slow
def test_from_samples_to_what_a_pod_serves(s3, tmp_path):
    streams = Streams(s3, tmp_path)
    streams.click([b"\xff%d" % i for i in range(10)] + [fresh(i) for i in range(CLICKS)])
    streams.order("000", [fresh(i) for i in range(ORDERS // 2)] + [sample(0, label=None)] * 10)
    bootstrap = streams.job(Role.A, training=TrainingConfig(batch_size=32, max_steps=10))
    run_a(bootstrap)
    store = bootstrap.store
    base = read_base(store, 0)
    assert base.step == 10
    assert {window.task for window in base.windows} == {"ctr", "cvr"}

    b = streams.job(Role.B, swift=SwiftConfig(0.5, 3))
    thread = threading.Thread(target=run_b, args=(b,))
    thread.start()
    streams.order("001", [fresh(i) for i in range(ORDERS // 2, ORDERS)])
    wanted = {"click": CLICKS - base.counters["click"].trained, "order": ORDERS - base.counters["order"].trained}
    assert eventually(lambda: all(trained(b, name) == count for name, count in wanted.items()), 120)
    b.stop.set()
    thread.join(60)

    state = restore_training(store, 0)
    clicks = state.positions["click"]
    assert isinstance(clicks, KafkaPosition)
    assert sum(clicks.offsets.values()) == CLICKS + 10
    assert state.positions["order"] == SegmentPosition("001", "", 0)
    served = rebuild(store, 0)
    assert served.version.update > 0
    assert served.watermark == state.watermark
    assert quarantined(store, "click") == ["NotAnExample"] * 10
    assert quarantined(store, "order") == ["MissingLabel"] * 10
