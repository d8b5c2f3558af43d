"""How this machine reaches services in the cluster.

On this machine's own cluster the node's ports can be reached: one NodePort Service for each. On any other cluster
`kubectl port-forward` always works; a forward that breaks (its pod went) is made again on the same local port.
"""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from e2e.demo.errors import CannotReachError
from e2e.demo.kube import Json, Kube, wait_for
from e2e.demo.standing import Command, Standing

LABELS = {"app.kubernetes.io/part-of": "tandem-demo"}


@dataclass(frozen=True, slots=True)
class Door:
    """One port of some pods.

    Attributes:
      name: of the door, and of its NodePort Service.
      selector: labels of the pods.
      deployment: whose pods they are; port-forward goes to one of them.
      port: the pods' port.
    """

    name: str
    selector: Mapping[str, str]
    deployment: str
    port: int


def node_port_service(door: Door) -> Json:
    """A NodePort Service for the door; the cluster chooses the port."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": door.name, "labels": LABELS},
        "spec": {
            "type": "NodePort",
            "selector": dict(door.selector),
            "ports": [{"port": door.port, "targetPort": door.port}],
        },
    }


def free_port() -> int:
    """A local TCP port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Reach:
    """Addresses of doors, as host:port; leave the block to end every forward."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._forwards: list[_Forward] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for forward in self._forwards:
            forward.kubectl.stop()

    def address(self, door: Door) -> str:
        """Where the door will be, before anything needs to stand behind it."""
        if not self._kube.own:
            forward = _Forward.to(self._kube, door, free_port())
            self._forwards.append(forward)
            return f"127.0.0.1:{forward.local}"
        self._kube.apply(node_port_service(door))
        port = self._kube.get("service", door.name)["spec"]["ports"][0]["nodePort"]
        node = self._kube.items("nodes")[0]
        internal = next(one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP")
        return f"{internal}:{port}"

    def open(self, door: Door, address: str, seconds: float) -> None:
        """Wait until something answers behind the door.

        Raises:
          CannotReachError: nothing does within ``seconds``.
        """
        host, _, port = address.rpartition(":")
        for forward in self._forwards:
            if forward.local == int(port):
                forward.kubectl.start()

        def answers() -> bool:
            try:
                with socket.create_connection((host, int(port)), timeout=2):
                    return True
            except OSError:
                return False

        try:
            wait_for(f"{door.name} at {address}", answers, seconds)
        except TimeoutError as error:
            raise CannotReachError(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Forward:
    """One `kubectl port-forward` to a local port."""

    local: int
    kubectl: Standing

    @classmethod
    def to(cls, kube: Kube, door: Door, local: int) -> "_Forward":
        words = ("port-forward", f"deployment/{door.deployment}", f"{local}:{door.port}")
        # It says so and goes on when its pod has gone; only a new one finds the new pod.
        command = Command(words, words, lambda line: not re.search(r"lost connection|error forwarding", line))
        return cls(local, Standing(kube, command))
