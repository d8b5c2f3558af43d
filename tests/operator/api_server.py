"""A real API server for schema tests: the definition under another group, so that nothing else there is touched."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch
from tandem_operator.api import API_VERSION, GROUP, PLURAL, VERSION
from tandem_operator.crd import crd

ROOT = Path(__file__).parents[2]
TRIAL_GROUP = f"schema-test.{GROUP}"
TRIAL_DEFINITION = f"{PLURAL}.{TRIAL_GROUP}"
NAMESPACE = "default"
LIMIT_S = 30


def kubeconfig() -> Path | None:
    """The cluster that the environment names, else the one that `make cluster` brought up here."""
    places = [Path(os.environ["KUBECONFIG"])] if os.environ.get("KUBECONFIG") else [ROOT / "build/cluster/kubeconfig"]
    return next((place for place in places if place.is_file()), None)


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that the server keeps."""

    server: "ApiServer"
    name: str

    def patch(self, change: Mapping[str, Any], subresource: str = "") -> tuple[int, str]:
        """Merge a change into it; return the HTTP status and, of a refusal, the message."""
        path = "/".join(part for part in (self.server.path, self.name, subresource) if part)
        return self.server.request("PATCH", path, change, "application/merge-patch+json")


@dataclass(frozen=True, slots=True)
class ApiServer:
    """The server, where a trial definition is established."""

    http: Any
    path: str = f"/apis/{TRIAL_GROUP}/{VERSION}/namespaces/{NAMESPACE}/{PLURAL}"

    def create(self, body: Mapping[str, Any]) -> tuple[int, str]:
        """Ask whether an OnlineModel would be taken."""
        return self.request("POST", f"{self.path}?dryRun=All&fieldValidation=Strict", self._trial(body))

    @contextlib.contextmanager
    def stored(self, body: Mapping[str, Any]) -> Iterator[Stored]:
        """Keep an OnlineModel for as long as the block lasts."""
        name = body["metadata"]["name"]
        status, message = self.request("POST", self.path, self._trial(body))
        assert status == 201, message
        try:
            yield Stored(self, name)
        finally:
            self.request("DELETE", f"{self.path}/{name}")

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, str]:
        """Send a request; return the HTTP status and, of a refusal, the server's message."""
        url = self.http.configuration.host + path
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if token := self.http.configuration.api_key.get("authorization"):
            headers["Authorization"] = token
        answer = self.http.rest_client.request(method, url, headers=headers, body=body, _request_timeout=LIMIT_S)
        told = json.loads(answer.read())
        return answer.status, told["message"] if told["kind"] == "Status" and told["status"] == "Failure" else ""

    @staticmethod
    def _trial(body: Mapping[str, Any]) -> dict[str, Any]:
        assert body["apiVersion"] == API_VERSION
        return {**body, "apiVersion": f"{TRIAL_GROUP}/{VERSION}"}


def trial_definition() -> dict[str, Any]:
    """The definition under the trial group, without the short names that the real one has."""
    document = crd()
    document["metadata"]["name"] = TRIAL_DEFINITION
    document["spec"]["group"] = TRIAL_GROUP
    document["spec"]["names"] |= {"shortNames": [], "categories": []}
    return document


@contextlib.contextmanager
def trial(path: Path) -> Iterator[ApiServer]:
    """Establish the trial definition for as long as the block lasts."""
    http = config.new_client_from_config(config_file=str(path))
    extensions = client.ApiextensionsV1Api(http)
    with contextlib.suppress(client.ApiException):
        # What a run that was killed left behind.
        extensions.delete_custom_resource_definition(TRIAL_DEFINITION, _request_timeout=LIMIT_S)
        _until(extensions, "DELETED")
    extensions.create_custom_resource_definition(trial_definition(), _request_timeout=LIMIT_S)
    try:
        _until(extensions, "Established")
        yield ApiServer(http)
    finally:
        extensions.delete_custom_resource_definition(TRIAL_DEFINITION, _request_timeout=LIMIT_S)


def _until(extensions: Any, wanted: str) -> None:
    """Watch the trial definition until it is gone (DELETED) or has a condition."""
    events = watch.Watch().stream(
        extensions.list_custom_resource_definition,
        field_selector=f"metadata.name={TRIAL_DEFINITION}",
        timeout_seconds=LIMIT_S,
    )
    for event in events:
        conditions = {one.type for one in (event["object"].status.conditions or ()) if one.status == "True"}
        if wanted == event["type"] or wanted in conditions:
            return
    raise TimeoutError(f"{TRIAL_DEFINITION} was not {wanted} within {LIMIT_S} s")
