"""Every configuration file of the cluster as a function of the identity; JSON wherever YAML is read: JSON is YAML."""

import base64
import json
from pathlib import Path

from e2e.cluster.identity import Identity

POD_SUBNET = "10.244.0.0/24"
DNS_IP = "10.96.0.10"
DOMAIN = "cluster.local"
PAUSE_IMAGE = "localhost/pause:1"
MAX_PODS = 200
# Not used here, and each one probes the machine when containerd starts.
UNUSED_PLUGINS = ("aufs", "btrfs", "devmapper", "zfs")


def containerd(identity: Identity) -> str:
    """Return containerd's configuration.

    ``restrict_oom_score_adj``: without CAP_SYS_RESOURCE pods die at their first write of a score. The sandboxes'
    namespaces and runc's state lie below our own folder, so that nothing of two clusters mixes.
    """
    disabled = json.dumps([f"io.containerd.snapshotter.v1.{name}" for name in UNUSED_PLUGINS])
    return f"""\
version = 2
root = "{identity.state}/containerd"
state = "{identity.run}/containerd"
disabled_plugins = {disabled}
[grpc]
  address = "{containerd_socket(identity)}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{identity.run}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{identity.state}/config/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{identity.run}/runc"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{identity.state}/config/certs.d"
"""


def containerd_socket(identity: Identity) -> Path:
    """Where containerd listens."""
    return identity.run / "containerd.sock"


def registry_hosts(identity: Identity) -> str:
    """Tell containerd that our registry speaks plain HTTP."""
    url = f"http://{identity.registry}"
    return f'server = "{url}"\n[host."{url}"]\n  capabilities = ["pull", "resolve"]\n'


def registry(identity: Identity) -> str:
    """Return the registry's configuration; deletion is on, so that old images can be collected."""
    return _json(
        {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(identity.state / "registry")},
                "delete": {"enabled": True},
                "cache": {"blobdescriptor": "inmemory"},
            },
            "http": {"addr": identity.registry, "secret": identity.tag},
        }
    )


def cni(identity: Identity) -> str:
    """Return the pod network: point-to-point links, no bridge.

    Two pods on one bridge answer each other past the address translation, which breaks Services and DNS where the
    kernel applies no netfilter rules to bridged packets in a namespace.
    """
    ranges = {"type": "host-local", "dataDir": str(identity.run / "ipam"), "ranges": [[{"subnet": POD_SUBNET}]]}
    link = {"type": "ptp", "ipMasq": False, "ipam": {**ranges, "routes": [{"dst": "0.0.0.0/0"}]}}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return _json({"cniVersion": "1.0.0", "name": identity.netns, "plugins": [link, ports]})


def kubelet(identity: Identity) -> str:
    """Return the kubelet's configuration: nothing is evicted or collected for want of space before the disk is full."""
    pki = identity.state / "pki"
    return _json(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(pki / "kubelet.crt"),
            "tlsPrivateKeyFile": str(pki / "kubelet.key"),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{identity.cgroup}",
            "failSwapOn": False,
            "containerRuntimeEndpoint": f"unix://{containerd_socket(identity)}",
            "clusterDNS": [DNS_IP],
            "clusterDomain": DOMAIN,
            "resolvConf": str(identity.state / "config" / "resolv.conf"),
            "podLogsDir": str(identity.state / "logs" / "pods"),
            "maxPods": MAX_PODS,
            "serializeImagePulls": False,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
                "nodefs.inodesFree": "1%",
            },
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
        }
    )


def kubeconfig(identity: Identity, user: str) -> str:
    """Return a kubeconfig with the user's certificate inside, so that the one file is all a client needs."""
    pki = identity.state / "pki"
    name = identity.netns
    cluster = {"server": f"https://{identity.node_ip}:6443", "certificate-authority-data": _base64(pki / "ca.crt")}
    account = {"client-certificate-data": _base64(pki / f"{user}.crt"), "client-key-data": _base64(pki / f"{user}.key")}
    return _json(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": user, "user": account}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
            "current-context": name,
        }
    )


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
