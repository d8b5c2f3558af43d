"""The one place that says what is answered from: a pointer that is swapped whole."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tandem_wire.version import Version

from tandem_serving.errors import NotReady, NotServed
from tandem_serving.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Published:
    """What is served, since when, and the versions just before it that can still be asked for."""

    current: Snapshot
    since: datetime
    recent: tuple[Snapshot, ...] = ()


class Publisher:
    """Holds what is served. One thread publishes; any thread reads, without a lock, since it reads one reference.

    Args:
      keep: how many versions can be asked for by number, the current one among them.
    """

    __slots__ = ("_keep", "_published", "on_first")

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._published: Published | None = None
        self.on_first: Callable[[], None] = _nothing
        """Called by the publishing thread after the first version."""

    @property
    def published(self) -> Published | None:
        """All of it at one instant."""
        return self._published

    @property
    def current(self) -> Snapshot | None:
        """What a request without a version is answered from."""
        published = self._published
        return None if published is None else published.current

    def publish(self, snapshot: Snapshot, now: datetime) -> None:
        """Answer from this snapshot from now on; requests that run keep theirs."""
        last = self._published
        before = () if last is None else (last.current, *last.recent)
        recent = tuple(each for each in before if each.version != snapshot.version)[: self._keep - 1]
        self._published = Published(snapshot, now, recent)
        if last is None:
            self.on_first()

    def drop(self, bases: frozenset[int]) -> None:
        """Let go of the earlier versions of bases that left memory; the current version stays."""
        last = self._published
        if last is not None:
            recent = tuple(each for each in last.recent if each.version.base not in bases)
            self._published = Published(last.current, last.since, recent)

    def pick(self, number: int | None) -> Snapshot:
        """Return the snapshot that a request pins.

        Args:
          number: the version that was asked for, base · 10⁹ + update; None: whatever is current.

        Raises:
          NotReady: nothing is loaded.
          NotServed: this version is not here; the message says which are.
        """
        published = self._published
        if published is None:
            raise NotReady("no base is loaded yet; ask again when /readyz says 200, or ask another replica")
        if number is None or number == published.current.version.number:
            return published.current
        for snapshot in published.recent:
            if snapshot.version.number == number:
                return snapshot
        raise NotServed(_absent(number, published))


def _absent(number: int, published: Published) -> str:
    here = ", ".join(_named(snapshot.version) for snapshot in (published.current, *published.recent))
    asked = str(number) if number < 0 else _named(Version.of_number(number))
    return f"version {asked} is not served here; these are: {here}. Leave the version out to get the newest"


def _named(version: Version) -> str:
    return f"{version.number} ({version})"


def _nothing() -> None:
    """What happens after the first version, unless somebody cares."""
