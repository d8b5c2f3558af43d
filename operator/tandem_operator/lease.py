"""Leader election by a Lease.

Keeps two operators from doing the same work twice. Safety does not rest on it: transitions of the cycle are
compare-and-swap, and Jobs have names and uids; so a leader that lost its Lease without noticing does no harm.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from tandem_operator.api import FIELD_MANAGER
from tandem_operator.errors import ClusterUnavailable, ObjectGone, OperatorError, Stale
from tandem_operator.kube import LEASES, Kube, Object

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the Lease is, and who wants it."""

    namespace: str
    name: str
    identity: str
    seconds: float = 15.0
    """How long a Lease holds without being renewed."""


class Lease:
    """One candidate's view of the Lease."""

    def __init__(self, kube: Kube, place: Place, clock: Callable[[], float]) -> None:
        self._kube = kube
        self._place = place
        self._clock = clock
        self._seen: tuple[str, float] = ("", clock())
        """The last version of the Lease that was seen, and when by our own clock: clocks of others are not trusted."""

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while not await self._try():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(self._place.seconds / 8)
        log.info("leading", identity=self._place.identity)

    async def hold(self) -> None:
        """Renew until that fails for two thirds of the Lease's time, then return: the caller ends."""
        renewed = self._clock()
        while self._clock() - renewed < self._place.seconds * 2 / 3:
            await asyncio.sleep(self._place.seconds / 6)
            if await self._try():
                renewed = self._clock()
        log.error("lease lost", identity=self._place.identity)

    async def release(self) -> None:
        """Give the Lease up, so that the next leader need not wait."""
        try:
            found = await self._kube.get(LEASES, self._place.namespace, self._place.name)
            if found["spec"].get("holderIdentity") == self._place.identity:
                await self._write(found["metadata"]["resourceVersion"], "")
        except OperatorError as error:
            log.info("lease not released; it expires", error=str(error))

    async def _try(self) -> bool:
        try:
            found = await self._kube.get(LEASES, self._place.namespace, self._place.name)
        except ObjectGone:
            return await self._create()
        except ClusterUnavailable:
            return False
        holder = found.get("spec", {}).get("holderIdentity") or ""
        version = found["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, self._clock())
        expired = self._clock() - self._seen[1] > self._place.seconds
        if holder not in ("", self._place.identity) and not expired:
            return False
        try:
            await self._write(version, self._place.identity)
        except (ClusterUnavailable, ObjectGone, Stale):
            return False
        return True

    async def _create(self) -> bool:
        body: Object = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._place.name},
            "spec": self._spec(self._place.identity),
        }
        try:
            await self._kube.create(LEASES, self._place.namespace, body, FIELD_MANAGER)
        except (ClusterUnavailable, Stale):
            return False
        return True

    async def _write(self, version: str, holder: str) -> None:
        path = LEASES.path(self._place.namespace, self._place.name)
        changes: Object = {"metadata": {"resourceVersion": version}, "spec": self._spec(holder)}
        await self._kube.patch(path, changes, FIELD_MANAGER)

    def _spec(self, holder: str) -> Object:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"holderIdentity": holder, "leaseDurationSeconds": int(self._place.seconds), "renewTime": now}
