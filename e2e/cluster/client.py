"""Asking the cluster: kubectl with our kubeconfig, ctr with our socket, HTTP to our registry."""

import json
import os
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster import render, shell
from e2e.cluster.errors import ClusterError, UserError
from e2e.cluster.identity import Identity
from e2e.cluster.pki import NODE

PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


@dataclass(frozen=True, slots=True)
class Client:
    """Talks to one clone's cluster."""

    identity: Identity
    programs: Mapping[str, Path]

    def kubectl(self, *words: str, stdin: str | None = None, timeout: float = 30) -> str:
        """Run kubectl as the administrator."""
        command = [self.programs["kubectl"], f"--kubeconfig={self.identity.kubeconfig}", *words]
        return shell.run(
            command,
            stdin=stdin,
            timeout=timeout,
            env={"NO_PROXY": self.identity.subnet, "no_proxy": self.identity.subnet},
        )

    def ctr(self, *words: str, timeout: float = 60) -> str:
        """Run containerd's own client in the kubelet's namespace of images and containers."""
        return shell.run(
            ["ctr", "-a", render.containerd_socket(self.identity), "-n", "k8s.io", *words], timeout=timeout
        )

    def api_ready(self) -> bool:
        """Whether the API server says that it can serve."""
        return self._answers("get", "--raw", "/readyz") == "ok"

    def node(self) -> dict[str, Any]:
        """Return the node object; empty if it is not there or nothing answers."""
        text = self._answers("get", "node", NODE, "-o", "json")
        node: dict[str, Any] = json.loads(text) if text else {}
        return node

    def dns_ready(self) -> bool:
        """Whether a CoreDNS pod is ready."""
        path = "jsonpath={.status.readyReplicas}"
        return self._answers("-n", "kube-system", "get", "deployment", "coredns", "-o", path) == "1"

    def registry_ready(self) -> bool:
        """Whether the image registry answers."""
        try:
            return registry_answers(self.identity.registry)
        except OSError:
            return False

    def _answers(self, *words: str) -> str:
        try:
            return self.kubectl("--request-timeout=5s", *words, timeout=10).strip()
        except ClusterError:
            return ""


def registry_answers(address: str) -> bool:
    """Ask a plain-HTTP registry whether it is there; OSError if nothing listens."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}/v2/", timeout=5) as answer:
        return bool(answer.status == 200)  # noqa: PLR2004  HTTP's OK


def require_registry(address: str) -> None:
    """Refuse to push to the cluster's registry where none answers.

    Raises:
      UserError: the cluster is not up.
    """
    try:
        registry_answers(address)
    except OSError as error:
        raise UserError(
            f"No registry answers at {address}. Bring the cluster up first: python3 -m e2e.cluster up"
        ) from error


def is_ready(node: Mapping[str, Any]) -> bool:
    """Whether a node object says that it is ready."""
    conditions: Sequence[Mapping[str, str]] = node.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def gpus(node: Mapping[str, Any]) -> int:
    """How many GPUs a node object offers."""
    return int(node.get("status", {}).get("capacity", {}).get("nvidia.com/gpu", "0"))


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without proxies and other clusters: all addresses in ours are direct."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in PROXIES and name != "KUBECONFIG"}
    return {**kept, **(extra or {})}
