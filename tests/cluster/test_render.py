"""Configuration files and command lines, as functions of the identity."""

import json
import tomllib
from pathlib import Path

import pytest

from e2e.cluster import components, pki, render
from e2e.cluster.identity import Identity

IDENTITY = Identity(tag="abc123", octet=7, state=Path("/s"))
PROGRAMS = {
    name: Path("/c") / name
    for name in (
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "registry",
    )
}  # fmt: skip


def test_containerd_keeps_everything_below_our_folders():
    config = tomllib.loads(render.containerd(IDENTITY))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert (config["root"], config["state"]) == ("/s/containerd", "/run/tandem-abc123/containerd")
    assert config["grpc"]["address"] == "/run/tandem-abc123/containerd.sock"
    assert cri["restrict_oom_score_adj"] is True
    assert cri["netns_mounts_under_state_dir"] is True
    assert cri["containerd"]["runtimes"]["runc"]["options"]["Root"] == "/run/tandem-abc123/runc"
    assert cri["cni"] == {"bin_dir": "/usr/lib/cni", "conf_dir": "/s/config/cni"}


def test_the_registry_is_trusted_over_plain_http():
    hosts = tomllib.loads(render.registry_hosts(IDENTITY))
    assert hosts["server"] == "http://10.89.7.1:5000"
    assert list(hosts["host"]) == ["http://10.89.7.1:5000"]


def test_pods_are_linked_point_to_point_without_a_bridge():
    config = json.loads(render.cni(IDENTITY))
    assert [plugin["type"] for plugin in config["plugins"]] == ["ptp", "portmap"]
    assert config["plugins"][0]["ipam"]["dataDir"].startswith("/run/tandem-abc123/")


def test_the_kubelet_stays_in_our_control_group_and_never_writes_elsewhere():
    config = json.loads(render.kubelet(IDENTITY))
    assert config["cgroupRoot"] == "/tandem-abc123"
    assert config["podLogsDir"] == "/s/logs/pods"
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authorization"] == {"mode": "Webhook"}


def test_a_kubeconfig_is_complete_in_itself(tmp_path):
    identity = Identity(tag="abc123", octet=7, state=tmp_path)
    for name in ("ca.crt", "admin.crt", "admin.key"):
        tmp_path.joinpath("pki").mkdir(exist_ok=True)
        tmp_path.joinpath("pki", name).write_text(name)
    config = json.loads(render.kubeconfig(identity, "admin"))
    assert config["clusters"][0]["cluster"] == {
        "server": "https://10.89.7.2:6443",
        "certificate-authority-data": "Y2EuY3J0",
    }
    assert config["users"][0]["user"] == {
        "client-certificate-data": "YWRtaW4uY3J0",
        "client-key-data": "YWRtaW4ua2V5",
    }


@pytest.mark.parametrize("component", components.ALL, ids=lambda one: one.name)
def test_only_the_registry_runs_in_the_machines_own_network(component):
    words = component.command(IDENTITY, PROGRAMS)
    entered = words[:2] == ["nsenter", "--net=/run/netns/tandem-abc123"]
    assert entered is (component.name != "registry")


@pytest.mark.parametrize("component", components.ALL, ids=lambda one: one.name)
def test_every_component_is_recognised_by_its_command_line(component):
    """Else a start that was never written down could not be found again."""
    words = component.command(IDENTITY, PROGRAMS)
    assert any("/s/" in word for word in words)


@pytest.mark.parametrize(
    ("component", "flag"),
    [
        (components.API, "--authorization-mode=Node,RBAC"),
        (components.API, "--kubelet-preferred-address-types=InternalIP"),
        (components.API, "--advertise-address=10.89.7.2"),
        (components.STORE, "--listen-client-urls=http://127.0.0.1:2379"),
        (components.KUBELET, "--node-ip=10.89.7.2"),
        (components.KUBELET, "--root-dir=/s/kubelet"),
    ],
)
def test_flags_that_others_rest_on(component, flag):
    assert flag in component.command(IDENTITY, PROGRAMS)


def test_the_api_server_is_named_as_clients_call_it():
    server = next(subject for subject in pki.subjects(IDENTITY) if subject.name == "apiserver")
    assert {"IP:10.89.7.2", "IP:127.0.0.1", "IP:10.96.0.1", "DNS:kubernetes.default.svc"} <= set(server.addresses)


def test_the_kubelet_is_a_node_by_its_certificate():
    kubelet = next(subject for subject in pki.subjects(IDENTITY) if subject.name == "kubelet")
    assert kubelet.subject == "/O=system:nodes/CN=system:node:tandem"


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ((), "extendedKeyUsage=serverAuth,clientAuth\n"),
        (("IP:1.2.3.4", "DNS:a"), "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=IP:1.2.3.4,DNS:a\n"),
    ],
)
def test_extensions(addresses, expected):
    assert pki.extensions(addresses) == expected
