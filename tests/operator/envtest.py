"""An API server without nodes.

Etcd, kube-apiserver and kube-controller-manager on loopback, for as long as a test session.

The programs are those that `make cluster` builds; where they were not built, tests that need them are skipped. Nothing
else of a cluster is there, so no other operator acts on what a test makes.
"""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kubernetes import client, config

from tests.operator.programs import program

ROOT = Path(__file__).parents[2]
TOKEN = "tests"  # noqa: S105 - of a server on loopback that lives as long as the tests
READY_SECONDS = 60.0


PROGRAMS = {name: program(name) for name in ("etcd", "kube-apiserver", "kube-controller-manager")}
MISSING = [name for name, path in PROGRAMS.items() if path is None]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running API server; ``kubeconfig`` is for programs that are started."""

    kubeconfig: Path
    api: client.ApiClient


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Cluster]:
    """Run the three programs until the block ends, with the OnlineModel definition installed."""
    with contextlib.ExitStack() as stack:
        store, port = _etcd(folder, stack), free_port()
        keys = _keys(folder)
        _start(
            stack,
            folder,
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{store}",
            f"--secure-port={port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={folder / 'certificates'}",
            f"--token-auth-file={keys / 'tokens.csv'}",
            "--authorization-mode=AlwaysAllow",
            "--service-account-issuer=https://tests",
            f"--service-account-key-file={keys / 'service-account.key'}",
            f"--service-account-signing-key-file={keys / 'service-account.key'}",
            "--service-cluster-ip-range=10.97.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
        )
        kubeconfig = _kubeconfig(folder, port)
        api = config.new_client_from_config(str(kubeconfig))
        _await_ready(api)
        _start(
            stack,
            folder,
            "kube-controller-manager",
            f"--kubeconfig={kubeconfig}",
            "--controllers=job-controller,deployment-controller,replicaset-controller,garbage-collector-controller,"
            "namespace-controller",
            f"--secure-port={free_port()}",
            f"--cert-dir={folder / 'certificates'}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
        )
        definition = yaml.safe_load((ROOT / "crds" / "tandem.dev_onlinemodels.yaml").read_text())
        client.ApiextensionsV1Api(api).create_custom_resource_definition(definition)
        stack.callback(api.close)
        yield Cluster(kubeconfig, api)


def _etcd(folder: Path, stack: contextlib.ExitStack) -> int:
    clients, peers = free_port(), free_port()
    _start(
        stack,
        folder,
        "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{clients}",
        f"--advertise-client-urls=http://127.0.0.1:{clients}",
        f"--listen-peer-urls=http://127.0.0.1:{peers}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
        f"--initial-cluster=default=http://127.0.0.1:{peers}",
        "--unsafe-no-fsync",
    )
    return clients


def _start(stack: contextlib.ExitStack, folder: Path, name: str, *arguments: str) -> None:
    command = PROGRAMS[name]
    assert command is not None
    output = stack.enter_context((folder / f"{name}.log").open("wb"))
    process = stack.enter_context(subprocess.Popen([command, *arguments], stdout=output, stderr=output, cwd=folder))
    stack.callback(process.kill)


def _keys(folder: Path) -> Path:
    keys = folder / "keys"
    keys.mkdir()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (keys / "service-account.key").write_bytes(pem)
    (keys / "tokens.csv").write_text(f"{TOKEN},tests,tests,system:masters\n")
    return keys


def _kubeconfig(folder: Path, port: int) -> Path:
    path = folder / "kubeconfig"
    server = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "clusters": [{"name": "tests", "cluster": server}],
        "users": [{"name": "tests", "user": {"token": TOKEN}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
    }
    path.write_text(yaml.safe_dump(whole))
    return path


def _await_ready(api: client.ApiClient) -> None:
    """Ready is when the namespace is there by which clusters are told apart."""
    pause, core = threading.Event(), client.CoreV1Api(api)
    for _ in range(int(READY_SECONDS / 0.2)):
        try:
            core.read_namespace("kube-system")
        except Exception:  # noqa: BLE001 - refused connections come in many classes, and all mean: not yet
            pause.wait(0.2)
        else:
            return
    raise RuntimeError("the API server did not start; see its log")
