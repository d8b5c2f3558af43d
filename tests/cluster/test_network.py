"""Whether a subnet or a port is free."""

import json
import socket
from pathlib import Path

import pytest

from e2e.cluster import network
from e2e.cluster.errors import AddressTakenError
from e2e.cluster.identity import Identity


@pytest.mark.parametrize(
    ("case", "routes", "expected"),
    [
        ("no routes", [], ""),
        ("only the default", [{"dst": "default", "dev": "eth0"}], ""),
        ("elsewhere", [{"dst": "10.88.0.0/16", "dev": "cni0"}, {"dst": "10.89.8.0/24", "dev": "x"}], ""),
        ("the same", [{"dst": "10.89.7.0/24", "dev": "tdmffffff"}], "tdmffffff (10.89.7.0/24)"),
        ("a larger one", [{"dst": "10.0.0.0/8", "dev": "vpn0"}], "vpn0 (10.0.0.0/8)"),
        ("one address", [{"dst": "10.89.7.1", "dev": "lo"}], "lo (10.89.7.1)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_overlapping(case, routes, expected):
    assert network.overlapping("10.89.7.0/24", json.dumps(routes)) == expected, case


def test_a_taken_port_is_named_with_the_variable_that_chooses_another(monkeypatch):
    monkeypatch.setattr("e2e.cluster.shell.run", lambda *_: "[]")
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104  every address, ours among them
        identity = Identity(tag="abcdef", octet=7, state=Path("/s"), registry_port=taken.getsockname()[1])
        with pytest.raises(AddressTakenError, match="TANDEM_REGISTRY_PORT"):
            network.require_free(identity)


def test_another_clones_registry_on_the_same_port_is_no_hindrance(monkeypatch):
    monkeypatch.setattr("e2e.cluster.shell.run", lambda *_: "[]")
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        network.require_free(Identity("abcdef", 7, Path("/s"), registry_port=theirs.getsockname()[1]))


def test_a_taken_subnet_is_named_with_the_variable_that_chooses_another(monkeypatch):
    monkeypatch.setattr("e2e.cluster.shell.run", lambda *_: '[{"dst": "10.89.7.0/24", "dev": "br0"}]')
    with pytest.raises(AddressTakenError, match=r"taken on this machine by br0.*TANDEM_SUBNET"):
        network.require_free(Identity(tag="abcdef", octet=7, state=Path("/s")))
