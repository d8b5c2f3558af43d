"""The stream and the client around a running system: opens the doors, plays, asks, and stops in order."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tandem_wire.config import StoreConfig
from tandem_wire.store import Store, open_store

from e2e.demo.client import Client, Question
from e2e.demo.errors import DemoError
from e2e.demo.generator import Generator, Pace, Source
from e2e.demo.kube import wait_for
from e2e.demo.model import Plan
from e2e.demo.reach import Reach
from e2e.demo.sinks import S3, KafkaSink, SegmentSink
from e2e.demo.system import KAFKA, System, serving_door
from e2e.demo.system import S3 as S3_DOOR

SAMPLES, MODELS = "samples", "models"
PARTITIONS = 2


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where this machine finds the services, as host:port."""

    s3: str
    kafka: str
    serving: str

    @classmethod
    def of(cls, reach: Reach, name: str) -> "Addresses":
        """Ask for all of them; nothing needs to stand behind them yet."""
        return cls(reach.address(S3_DOOR), reach.address(KAFKA), reach.address(serving_door(name)))


class Play:
    """One stream played to one OnlineModel, and the client that asks it."""

    def __init__(self, system: System, reach: Reach, addresses: Addresses, plan: Plan) -> None:
        self.addresses = addresses
        self.plan = plan
        self.client = Client(Question(lambda: addresses.serving, plan.name))
        self._system, self._reach = system, reach
        self._stop = threading.Event()
        self._generator: Generator | None = None
        self._thread: threading.Thread | None = None
        self._failed: list[BaseException] = []

    @property
    def generator(self) -> Generator:
        """The stream; only after ``begin``."""
        if self._generator is None:
            raise DemoError("the stream has not begun: call begin first")
        return self._generator

    def store(self) -> Store:
        """The store of the OnlineModel; the keys must be in the environment."""
        url = f"s3://{MODELS}/{self._system.kube.namespace}/{self.plan.name}"
        return open_store(StoreConfig(url=url, endpoint=f"http://{self.addresses.s3}", region="us-east-1"))

    def s3(self) -> S3:
        """The object store with this demonstration's keys."""
        keys = self._system.credentials()
        return S3(f"http://{self.addresses.s3}", keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])

    def begin(self, source: Source, pace: Pace, now: float) -> int:
        """Open the doors of store and broker, publish the history and go live; returns how much history there was."""
        self._reach.open(S3_DOOR, self.addresses.s3, 60)
        self._reach.open(KAFKA, self.addresses.kafka, 60)
        clicks = KafkaSink(self.addresses.kafka, self.plan.clicks)
        clicks.create_topic(PARTITIONS, 60)
        self._generator = Generator(source, clicks, SegmentSink(self.s3(), SAMPLES, self.plan.orders), pace)
        count = self._generator.publish_history(now)
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()
        return count

    def ask(self) -> None:
        """Open the door of serving and let the client ask about every impression from now on."""
        self._reach.open(serving_door(self.plan.name), self.addresses.serving, 120)
        self.client.start()
        self.generator.asked = self.client.ask

    def await_base(self, after: int, seconds: float) -> int:
        """Wait until a base newer than ``after`` answers; returns it."""
        self.await_(f"an answer of a base newer than {after}", lambda: self.newest_base() > after, seconds)
        return self.newest_base()

    def await_(self, what: str, holds: Callable[[], bool], seconds: float) -> None:
        """Wait for something, unless the stream fails meanwhile."""

        def now() -> bool:
            self._raise_failure()
            return holds()

        wait_for(what, now, seconds, every=0.2)

    def newest_base(self) -> int:
        """The base of the newest answer; -1 before the first."""
        return self.client.answers[-1].base if self.client.answers else -1

    def stop(self) -> None:
        """End the stream, publish what waits, ask about what waits.

        Raises:
          CannotReachError: not every sample could be published.
        """
        if self._thread is None:
            return
        self.generator.asked = lambda _block: None
        self._stop.set()
        self._thread.join(60)
        self.client.stop()
        self._thread = None
        self._raise_failure()

    def _run(self) -> None:
        try:
            self.generator.run(self._stop)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._failed.append(error)

    def _raise_failure(self) -> None:
        if self._failed:
            raise self._failed[0]
