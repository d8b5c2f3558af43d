"""What serving pods report at ``/statusz.json``.

Asked directly, or through the API server where pods cannot be reached.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import aiohttp
import structlog
from tandem_wire.errors import InvalidValue
from tandem_wire.report import PodReport

from tandem_operator.errors import OperatorError
from tandem_operator.kube import PODS, Kube

PORT = 8080
TIMEOUT = aiohttp.ClientTimeout(total=2.0)
LARGEST_REPORT = 1 << 20
"""Bytes; what is longer is not a report."""

log = structlog.get_logger()


class Reports(Protocol):
    """A way to ask pods."""

    async def ask(self, namespace: str, pod: Mapping[str, Any]) -> PodReport | None:
        """Ask one pod; None when it does not answer with a report."""
        ...


class DirectReports:
    """Asks pods at their own address."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, namespace: str, pod: Mapping[str, Any]) -> PodReport | None:
        """Ask one pod at its address."""
        address = pod.get("status", {}).get("podIP")
        if not address:
            return None
        host = f"[{address}]" if ":" in address else address
        try:
            async with self._session.get(f"http://{host}:{PORT}/statusz.json", timeout=TIMEOUT) as answer:
                if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
                    return None
                return read(await answer.content.read(LARGEST_REPORT), namespace, pod)
        except (TimeoutError, aiohttp.ClientError, OSError):
            return None


class ProxyReports:
    """Asks pods through the API server, for an operator that runs outside of the cluster's network."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def ask(self, namespace: str, pod: Mapping[str, Any]) -> PodReport | None:
        """Ask one pod by its name."""
        path = PODS.path(namespace, f"{pod['metadata']['name']}:{PORT}", "proxy/statusz.json")
        try:
            answer = await asyncio.wait_for(self._kube.request("GET", path), TIMEOUT.total)
        except (TimeoutError, OperatorError, ValueError):
            return None
        return read(json.dumps(answer).encode(), namespace, pod)


async def ask_all(reports: Reports, namespace: str, pods: Sequence[Mapping[str, Any]]) -> tuple[PodReport | None, ...]:
    """Ask all pods at once."""
    return tuple(await asyncio.gather(*(reports.ask(namespace, pod) for pod in pods)))


def read(data: bytes, namespace: str, pod: Mapping[str, Any]) -> PodReport | None:
    """Read a report; one of another pod (an address that was given away) counts as none."""
    name = pod["metadata"]["name"]
    try:
        report = PodReport.from_json(data)
    except InvalidValue as error:
        log.warning("a pod's report cannot be read", namespace=namespace, pod=name, error=str(error))
        return None
    return report if report.pod == name else None
