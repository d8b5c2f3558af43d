"""The one place that says what is answered from. The engine answers; this is what it was told, for loop and REST."""

from dataclasses import dataclass
from datetime import datetime

from tandem_wire.model import ModelSpec
from tandem_wire.version import Version

from tandem_serving.engine import Engine


@dataclass(frozen=True, slots=True)
class Served:
    """A version as REST and the pages know it.

    Args:
      version: base and update.
      spec: the contract of its base.
      watermark: event time up to which it has learned; None when unknown.
    """

    version: Version
    spec: ModelSpec
    watermark: datetime | None


@dataclass(frozen=True, slots=True)
class Published:
    """What is served, and since when."""

    current: Served
    since: datetime


class Publisher:
    """Tells the engine what to answer from. One thread publishes; any thread reads, since it reads one reference.

    Args:
      engine: what answers.
    """

    __slots__ = ("_published", "engine")

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._published: Published | None = None

    @property
    def published(self) -> Published | None:
        """All of it at one instant."""
        return self._published

    @property
    def current(self) -> Served | None:
        """What a request without a version is answered from."""
        published = self._published
        return None if published is None else published.current

    def publish(self, served: Served, now: datetime) -> None:
        """Answer from this version from now on; batches that run keep theirs.

        Raises:
          EngineGone: nothing can be served any more.
        """
        self.engine.publish(served.version)
        self._published = Published(served, now)
