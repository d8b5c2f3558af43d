"""Taking a cluster down, or clearing what is left of one: the same steps; each accepts that its part is gone."""

import shutil
import socket
import time
from pathlib import Path

from e2e.cluster import cgroups, components, processes, shell, traces
from e2e.cluster.client import Client
from e2e.cluster.errors import ClusterError, NotReadyError
from e2e.cluster.identity import Identity
from e2e.cluster.progress import Progress
from e2e.cluster.traces import Condition

GRACE_S = 2
SETTLE_S = 10
FORGET_S = 10
# What the state folder keeps between clusters: the registry's images, containerd's images, the last logs.
DISCARDED = ("etcd", "kubelet", "pki", "config", "kubeconfig", "processes.json")
CONTAINER_LOGS = Path("/var/log/containers")  # the kubelet links every log from here, whatever its own log folder
CNI_RESULTS = Path("/var/lib/cni/results")  # containerd's CNI library caches results here, whatever its own folders
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins/kubelet.sock")  # of whichever kubelet started last
SHIMS = (Path("/run/containerd/s"), Path("/run/containerd"))


def down(identity: Identity, progress: Progress) -> None:
    """Remove every trace of the cluster but its images and logs.

    Raises:
      NotReadyError: something is left; the message lists it.
    """
    found = traces.look(identity)
    condition = traces.judge(found)
    if condition is Condition.ABSENT and not _discard(identity):
        progress.say("no cluster of this clone is there")
        return
    with progress.step(f"take the cluster down ({condition.value})"):
        records = processes.read_records(traces.records_file(identity))
        followers = [component.name for component in components.FOLLOWERS]
        processes.end([records[name] for name in followers if name in found.running], grace=GRACE_S)
        clean = _release_containers(identity, found)
        processes.end([records[name] for name in found.running if name not in followers], grace=GRACE_S)
        _kill_rest(identity)
        _clear(identity, keep_images=clean)
    left = _what_is_left(identity)
    if left:
        raise NotReadyError("The cluster is down, but these are left:\n" + "\n".join(f"    {one}" for one in left))


def _release_containers(identity: Identity, found: traces.Traces) -> bool:
    """Kill all pods and have containerd forget them; tell whether it did, so that its images can be kept."""
    processes.kill(cgroups.pids(identity.cgroup))
    if "containerd" not in found.running:
        return False
    client = Client(identity, {})
    try:
        # containerd itself forgets tasks as it sees them end; ctr and it may race for one, so it is asked again.
        shell.wait_until("no container left", lambda: _forget(client), timeout=FORGET_S)
    except ClusterError:
        return False
    return True


def _forget(client: Client) -> bool:
    """Have containerd delete every task and container; tell whether there is none (any more)."""
    containers = client.ctr("container", "ls", "-q").split()
    for kind, names in (("task", client.ctr("task", "ls", "-q").split()), ("container", containers)):
        if names:
            try:
                client.ctr(kind, "rm", *names)
            except ClusterError:
                return False
    return not containers


def _kill_rest(identity: Identity) -> None:
    """Kill what is ours and still runs: shims, components never recorded, pods that a kubelet started meanwhile."""
    rest = traces.look(identity)
    processes.kill([seen.pid for seen in rest.processes])
    processes.kill(cgroups.pids(identity.cgroup))


def _clear(identity: Identity, *, keep_images: bool) -> None:
    """Remove what no process holds up."""
    _remove_shim_sockets(identity)
    for point in traces.mount_points(identity, Path("/proc/self/mounts").read_text()):
        if not shell.succeeds(["umount", point]):
            shell.succeeds(["umount", "--lazy", point])
    if identity.netns_path.exists():
        shell.succeeds(["ip", "netns", "del", identity.netns])
    if Path("/sys/class/net", identity.veth).exists():
        shell.succeeds(["ip", "link", "del", identity.veth])
    cgroups.remove(identity.cgroup)
    _remove_strays(identity)
    shutil.rmtree(identity.run, ignore_errors=True)
    if not keep_images:
        shutil.rmtree(identity.state / "containerd", ignore_errors=True)
    _discard(identity)


def _remove_shim_sockets(identity: Identity) -> None:
    """Remove the sockets that shims made in containerd's global folder; their addresses stand in our own."""
    for note in identity.run.glob("containerd/io.containerd.runtime.v2.task/*/*/address"):
        Path(note.read_text().removeprefix("unix://")).unlink(missing_ok=True)


def _remove_strays(identity: Identity) -> None:
    """Remove what programs of ours wrote to places that no flag changes; the folders too, if nobody else uses them."""
    for link in CONTAINER_LOGS.glob("*"):
        if link.is_symlink() and str(link.readlink()).startswith(f"{identity.state}/"):
            link.unlink()
    for pod in identity.run.glob("containerd/io.containerd.grpc.v1.cri/sandboxes/*"):
        for result in CNI_RESULTS.glob(f"*-{pod.name}-*"):
            result.unlink()
    if DEVICE_PLUGINS.is_socket() and not _answers(DEVICE_PLUGINS):
        DEVICE_PLUGINS.unlink()
    for folder in (
        CONTAINER_LOGS,
        CNI_RESULTS,
        CNI_RESULTS.parent,
        DEVICE_PLUGINS.parent,
        DEVICE_PLUGINS.parents[1],
        *SHIMS,
    ):
        try:
            folder.rmdir()
        except OSError:
            continue  # not empty, or not there


def _answers(path: Path) -> bool:
    """Whether a program listens on a socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _discard(identity: Identity) -> bool:
    """Remove the parts of the state folder that belong to one cluster only; tell whether there were any."""
    there = [path for name in DISCARDED if (path := identity.state / name).exists()]
    for path in there:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return bool(there)


def _what_is_left(identity: Identity) -> list[str]:
    """Look again, for a moment: control groups empty themselves a little after their last process."""
    limit = time.monotonic() + SETTLE_S
    while True:
        found = traces.look(identity)
        left = [f"process {seen.pid} {seen.command[:80]}" for seen in found.processes]
        left += [f"process {pid} in a pod" for pid in found.pods] + list(found.remains)
        if not left or time.monotonic() > limit:
            return left
        cgroups.remove(identity.cgroup)
        time.sleep(0.1)
