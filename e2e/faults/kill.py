"""kill -9 of a pod's program, and a network that is cut: what the faults are made of.

On this machine's own cluster the node's processes and packet filter are at hand; on any other one a pod is deleted
without grace, and the network can't be cut.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster import shell
from e2e.cluster.identity import Identity, identify
from e2e.demo.kube import Json, Kube

PROC = Path("/proc")
ESTABLISHED = "01"


def main_process(pod_uid: str, proc: Path = PROC) -> int | None:
    """The number, on this machine, of the first process of a pod's container; None when there is none.

    The pause container's process is the first of its own, too, and is told apart by its name.
    """
    for folder in proc.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            groups = (folder / "cgroup").read_text()
            status = (folder / "status").read_text()
        except OSError:
            continue
        if pod_uid not in groups:
            continue
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        if fields["Name"].strip() != "pause" and fields["NSpid"].split()[-1] == "1":
            return int(folder.name)
    return None


def unacknowledged(process: int, port: int, proc: Path = PROC) -> int:
    """Bytes that a process' pod has sent over open connections to ``port`` and nobody has acknowledged.

    Read from the kernel's table of the pod's sockets (proc_pid_net(5)): ports and queues in hexadecimal.
    """
    table = (proc / str(process) / "net" / "tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in table]
    return sum(
        int(queues.partition(":")[0], 16)
        for _, _, remote, state, queues, *_ in rows
        if state == ESTABLISHED and int(remote.partition(":")[2], 16) == port
    )


def kill(kube: Kube, pod: Json) -> None:
    """SIGKILL the pod's program; what restarts it is Kubernetes' and the operator's affair."""
    metadata = pod["metadata"]
    process = main_process(metadata["uid"]) if kube.own else None
    if process is not None:
        os.kill(process, signal.SIGKILL)
    else:
        delete_at_once(kube, metadata["name"], metadata["namespace"])


def delete_at_once(kube: Kube, name: str, namespace: str) -> None:
    """Delete a pod without grace."""
    words = ("delete", "pod", name, "--force", "--grace-period=0", "--ignore-not-found", "--wait=false")
    kube.run("--namespace", namespace, *words)


def newest_pod(kube: Kube, labels: str, namespace: str | None = None) -> Json | None:
    """The youngest running pod with these labels that is not on its way out."""
    place = ("--namespace", namespace) if namespace else ()
    pods = [
        pod
        for pod in kube.items("pods", *place, "-l", labels, "--field-selector=status.phase=Running")
        if "deletionTimestamp" not in pod["metadata"]
    ]
    return max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


@contextmanager
def cut(kube: Kube, sources: str, destination: str, port: int) -> Iterator[None]:
    """Drop every packet from ``sources`` (an address or a network) to ``destination:port`` while the block runs.

    Only on this machine's own cluster: the rule stands in the node's network namespace.
    """
    identity = identify()
    rule = ["FORWARD", "-s", sources, "-d", destination, "-p", "tcp", "--dport", str(port), "-j", "DROP"]
    if not kube.own:
        raise ValueError("the network can only be cut on this machine's own cluster")
    _iptables(identity, "-I", rule)
    try:
        yield
    finally:
        _iptables(identity, "-D", rule)


def _iptables(identity: Identity, action: str, rule: list[str]) -> None:
    shell.run(["nsenter", f"--net={identity.netns_path}", "iptables", "-w", action, *rule])
