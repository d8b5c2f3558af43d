import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tandem_operator.api import OnlineModel, Spec

from e2e.images.catalog import IMAGES, TAG
from tests.operator.programs import program

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"
SERVERS = ("object-store", "kafka")
EXAMPLES = sorted((MANIFESTS / "examples").glob("*.yaml"))
KUBECTL = program("kubectl")
Json = dict[str, Any]


def documents(folder: Path) -> list[Json]:
    return [
        document
        for path in sorted(folder.glob("*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text())
        if document
    ]


def pods() -> list[Any]:
    return [
        pytest.param(document["spec"]["template"]["spec"], id=document["metadata"]["name"])
        for server in SERVERS
        for document in documents(MANIFESTS / server)
        if document["kind"] in {"Deployment", "Job"}
    ]


def example(path: Path) -> OnlineModel:
    body = yaml.safe_load(path.read_text())
    return OnlineModel.parse({**body, "metadata": {**body["metadata"], "namespace": "shop", "uid": "u-1"}})


def secret(name: str) -> dict[str, str]:
    found = [one for one in documents(MANIFESTS / "object-store") if one["metadata"]["name"] == name]
    data: dict[str, str] = found[0]["stringData"]
    return data


@pytest.mark.parametrize("pod", pods())
def test_pods_run_under_the_restricted_standard(pod):
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == container["resources"].keys()


@pytest.mark.parametrize("pod", pods())
def test_images_are_those_that_we_build(pod):
    for container in pod["containers"]:
        name, tag = container["image"].split(":")
        assert name in IMAGES
        assert tag == TAG


def test_keys_of_models_are_keys_of_the_store():
    identity = json.loads(secret("s3-identities")["identities.json"])["identities"][0]
    keys = secret("s3-credentials")
    assert identity["credentials"] == [
        {"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}
    ]
    # An admin's upload would make a bucket that is not there, and hide a wrong name.
    assert "Admin" not in identity["actions"]


def test_smallest_example_is_small():
    lines = (MANIFESTS / "examples/minimal.yaml").read_text().splitlines()
    assert len([line for line in lines if line.strip() and not line.startswith("#")]) < 15


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_use_the_servers_of_this_folder(path):
    store = example(path).spec.store.s3
    services = {
        (one["metadata"]["name"], port["port"])
        for server in SERVERS
        for one in documents(MANIFESTS / server)
        if one["kind"] == "Service"
        for port in one["spec"]["ports"]
    }
    assert store.endpoint == "http://s3.shop.svc:8333"
    assert ("s3", 8333) in services
    assert store.credentials_secret == "s3-credentials"  # noqa: S105 - a name
    job = next(one for one in documents(MANIFESTS / "object-store") if one["kind"] == "Job")
    buckets = {one["name"]: one["value"] for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}[
        "BUCKETS"
    ].split()
    assert store.bucket in buckets
    for stream in example(path).spec.streams:
        if stream.kafka is not None:
            host, port = stream.kafka.bootstrap_servers.split(":")
            assert (host, int(port)) in services
        if stream.segments is not None:
            assert stream.segments.prefix.removeprefix("s3://").split("/")[0] in buckets


def test_full_example_says_every_field():
    said = set(yaml.safe_load((MANIFESTS / "examples/promotion.yaml").read_text())["spec"])
    assert said == {field.alias for field in Spec.model_fields.values()}


@pytest.mark.skipif(KUBECTL is None, reason="no kubectl: make cluster builds one")
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("place", ["", "persistent"])
def test_kustomize_builds(server, place):
    folder = MANIFESTS / place / server
    done = subprocess.run(
        [str(KUBECTL), "kustomize", str(folder)], check=True, capture_output=True, text=True, timeout=60
    )
    made = [document for document in yaml.safe_load_all(done.stdout) if document]
    deployment = next(one for one in made if one["kind"] == "Deployment")
    data = next(one for one in deployment["spec"]["template"]["spec"]["volumes"] if one["name"] == "data")
    claims = {one["metadata"]["name"] for one in made if one["kind"] == "PersistentVolumeClaim"}
    assert ("emptyDir" in data) is (place == "")
    assert claims == ({data["persistentVolumeClaim"]["claimName"]} if place else set())
