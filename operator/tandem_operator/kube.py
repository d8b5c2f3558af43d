"""The Kubernetes API as parsed JSON.

A thin layer over ``kubernetes.aio`` that knows paths, verbs and errors, and nothing of Tandem.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import aiohttp
from kubernetes.aio import client, config

from tandem_operator.errors import ClusterRefused, ClusterUnavailable, ObjectGone, Stale

Object = dict[str, Any]

TIMEOUT_SECONDS = 15.0
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Kind:
    """Where objects of one kind live in the API."""

    group_version: str
    plural: str

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Give the path of a collection or an object."""
        root = "/api/" if "/" not in self.group_version else "/apis/"
        parts = [root + self.group_version]
        parts += ["namespaces", namespace] if namespace is not None else []
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


JOBS = Kind("batch/v1", "jobs")
DEPLOYMENTS = Kind("apps/v1", "deployments")
SERVICES = Kind("v1", "services")
PODS = Kind("v1", "pods")
SECRETS = Kind("v1", "secrets")
EVENTS = Kind("v1", "events")
NAMESPACES = Kind("v1", "namespaces")
LEASES = Kind("coordination.k8s.io/v1", "leases")
MODELS = Kind("tandem.dev/v1alpha1", "onlinemodels")


class Kube:
    """A connection to the API server."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    @classmethod
    async def connect(cls) -> Self:
        """Use the pod's own service account, or else the kubeconfig of the environment."""
        settings = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=settings)
        except config.ConfigException:
            await config.load_kube_config(client_configuration=settings)
        settings.retries = 0
        return cls(client.ApiClient(settings))

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """Read an object; ObjectGone when it is not there."""
        return await self.request("GET", kind.path(namespace, name))

    async def list(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> list[Object]:
        """List the objects with these labels."""
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        found = await self.request("GET", kind.path(namespace), query={"labelSelector": selector})
        items: list[Object] = found.get("items", [])
        return items

    async def apply(self, kind: Kind, namespace: str, manifest: Object, manager: str) -> Object:
        """Create or change an object by server-side apply, taking over the fields that it names."""
        path = kind.path(namespace, manifest["metadata"]["name"])
        query = {"fieldManager": manager, "force": "true"}
        return await self.request("PATCH", path, query=query, body=manifest, content=APPLY_PATCH)

    async def create(self, kind: Kind, namespace: str, manifest: Object, manager: str) -> Object:
        """Create an object; Stale when there is one of that name."""
        return await self.request("POST", kind.path(namespace), query={"fieldManager": manager}, body=manifest)

    async def patch(self, path: str, changes: Object, manager: str) -> Object:
        """Merge changes into an object; with a resourceVersion among them, Stale when it has another."""
        return await self.request("PATCH", path, query={"fieldManager": manager}, body=changes, content=MERGE_PATCH)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete the object with this uid, what it owns first; ObjectGone or Stale when it is not the one."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": uid},
        }
        await self.request("DELETE", kind.path(namespace, name), body=options)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content: str = JSON,
    ) -> Object:
        """Send one request.

        Raises:
          ClusterUnavailable: no answer, or one that says to try again.
          ClusterRefused: an answer that says no.
          ObjectGone, Stale: the object is not there, or not as it was.
        """
        headers = {"Accept": JSON, "Content-Type": content}
        call = await self._api.param_serialize(
            method, path, None, list((query or {}).items()), headers, body, auth_settings=["BearerToken"]
        )
        try:
            answer = await self._api.call_api(*call[:4], _request_timeout=TIMEOUT_SECONDS)
            data = await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClusterUnavailable(f"{method} {path}: {error or type(error).__name__}") from error
        return _outcome(f"{method} {path}", answer.status, data)


def _outcome(what: str, status: int, data: bytes) -> Object:
    if status < HTTPStatus.BAD_REQUEST:
        parsed: Object = json.loads(data) if data else {}
        return parsed
    said = f"{what}: {status} {_message(data)}"
    if status == HTTPStatus.NOT_FOUND:
        raise ObjectGone(said)
    if status == HTTPStatus.CONFLICT:
        raise Stale(said)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ClusterUnavailable(said)
    raise ClusterRefused(said)


def _message(data: bytes) -> str:
    try:
        parsed = json.loads(data)
    except ValueError:
        return data[:200].decode(errors="replace")
    return str(parsed.get("message", "")) if isinstance(parsed, dict) else ""
