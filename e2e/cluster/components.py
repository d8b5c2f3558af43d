"""The command lines of the cluster's programs, each a function of the identity and of where the programs lie."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import pki, render
from e2e.cluster.identity import Identity

ETCD = "http://127.0.0.1:2379"
SERVICES = "10.96.0.0/16"


@dataclass(frozen=True, slots=True)
class Component:
    """One program of the cluster.

    Attributes:
      name: how it is recorded and its log is called.
      inside: whether it runs in the node's network namespace.
      words: its command line from the identity and the programs.
    """

    name: str
    inside: bool
    words: Callable[[Identity, Mapping[str, Path]], list[str]]

    def command(self, identity: Identity, programs: Mapping[str, Path]) -> list[str]:
        """Return the command line; ``nsenter``, since ``ip netns exec`` would hide the control groups' mounts."""
        enter = ["nsenter", f"--net={identity.netns_path}"] if self.inside else []
        return enter + self.words(identity, programs)


def etcd(identity: Identity, programs: Mapping[str, Path]) -> list[str]:
    """The store of the API server; nothing here must survive a power cut, so it need not wait for the disk."""
    return [
        str(programs["etcd"]),
        f"--data-dir={identity.state}/etcd",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
        "--log-level=error",
    ]


def apiserver(identity: Identity, programs: Mapping[str, Path]) -> list[str]:
    """The API server, with the node authorizer and RBAC as a real cluster has them."""
    keys = identity.state / "pki"
    return [
        str(programs["kube-apiserver"]),
        f"--etcd-servers={ETCD}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={identity.node_ip}",
        "--secure-port=6443",
        f"--tls-cert-file={keys}/apiserver.crt",
        f"--tls-private-key-file={keys}/apiserver.key",
        f"--client-ca-file={keys}/ca.crt",
        f"--kubelet-certificate-authority={keys}/ca.crt",
        f"--kubelet-client-certificate={keys}/admin.crt",
        f"--kubelet-client-key={keys}/admin.key",
        "--kubelet-preferred-address-types=InternalIP",  # else `kubectl logs` looks the node's name up and fails
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        f"--service-account-key-file={keys}/sa.pub",
        f"--service-account-signing-key-file={keys}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICES}",
    ]


def controller_manager(identity: Identity, programs: Mapping[str, Path]) -> list[str]:
    """Every controller, each under its own service account."""
    keys = identity.state / "pki"
    return [
        str(programs["kube-controller-manager"]),
        f"--kubeconfig={identity.state}/config/controller-manager.kubeconfig",
        f"--service-account-private-key-file={keys}/sa.key",
        f"--root-ca-file={keys}/ca.crt",
        "--use-service-account-credentials",
        f"--cluster-cidr={render.POD_SUBNET}",
        "--allocate-node-cidrs=false",
        "--leader-elect=false",
    ]


def scheduler(identity: Identity, programs: Mapping[str, Path]) -> list[str]:
    """The scheduler, alone."""
    return [
        str(programs["kube-scheduler"]),
        f"--kubeconfig={identity.state}/config/scheduler.kubeconfig",
        "--leader-elect=false",
    ]


def kubelet(identity: Identity, programs: Mapping[str, Path]) -> list[str]:
    """The node's agent."""
    return [
        str(programs["kubelet"]),
        f"--config={identity.state}/config/kubelet.json",
        f"--kubeconfig={identity.state}/config/kubelet.kubeconfig",
        f"--hostname-override={pki.NODE}",
        f"--node-ip={identity.node_ip}",
        f"--root-dir={identity.state}/kubelet",
        f"--cert-dir={identity.state}/kubelet/pki",
    ]


def proxy(identity: Identity, programs: Mapping[str, Path]) -> list[str]:
    """Services by iptables; the connection-tracking sysctls are read-only in a namespace and must be left alone."""
    return [
        str(programs["kube-proxy"]),
        f"--kubeconfig={identity.state}/config/proxy.kubeconfig",
        f"--hostname-override={pki.NODE}",
        f"--cluster-cidr={render.POD_SUBNET}",
        "--proxy-mode=iptables",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
    ]


def containerd(identity: Identity, programs: Mapping[str, Path]) -> list[str]:
    """Debian's containerd under our own configuration, apart from any that the machine runs."""
    return [str(programs.get("containerd", "containerd")), f"--config={identity.state}/config/containerd.toml"]


def registry(identity: Identity, programs: Mapping[str, Path]) -> list[str]:
    """The image registry, on the machine's side of the link."""
    return [str(programs["registry"]), "serve", f"{identity.state}/config/registry.json"]


REGISTRY = Component("registry", inside=False, words=registry)
CONTAINERD = Component("containerd", inside=True, words=containerd)
STORE = Component("etcd", inside=True, words=etcd)
API = Component("apiserver", inside=True, words=apiserver)
KUBELET = Component("kubelet", inside=True, words=kubelet)
# These need the API server and are ended before it.
FOLLOWERS = (
    Component("controller-manager", inside=True, words=controller_manager),
    Component("scheduler", inside=True, words=scheduler),
    KUBELET,
    Component("proxy", inside=True, words=proxy),
)
ALL = (REGISTRY, CONTAINERD, STORE, API, *FOLLOWERS)
