"""What there is of a clone's cluster on the machine, and what that means: nothing, a cluster, half of one, or ruins.

A machine may end every process at once (a reboot, a closed job): namespaces, links, mounts and folders are still
there then, and no process is. So nothing is believed because it was written down; everything is looked for.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from e2e.cluster import cgroups, components, processes
from e2e.cluster.identity import Identity
from e2e.cluster.processes import Entry, Record

SHIM = "containerd-shim-runc-v2"
# A process is ours if its program is one of these and its command line names one of our folders; a person's `tail` or
# `kubectl` may well name them too.
OUR_PROGRAMS = frozenset(
    {
        "nsenter",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubelet",
        "registry",
        "containerd",
        SHIM,
    }
)


class Condition(Enum):
    """What the traces of a cluster amount to."""

    ABSENT = "not there"
    RUNNING = "running"
    PARTIAL = "partly running"
    RUINS = "every process is gone, but not what they made"


@dataclass(frozen=True, slots=True)
class Traces:
    """What was found at one instant.

    Attributes:
      running: names of recorded components that run.
      processes: processes of ours, recorded or not, apart from those in pods.
      pods: processes in our control groups.
      remains: everything that no process holds up: namespace, link, mounts, control groups, the run folder; in words.
    """

    running: frozenset[str]
    processes: tuple[Entry, ...]
    pods: tuple[int, ...]
    remains: tuple[str, ...]


def judge(traces: Traces) -> Condition:
    """Say what the traces amount to."""
    if traces.running >= {component.name for component in components.ALL}:
        return Condition.RUNNING
    if traces.processes or traces.pods or traces.running:
        return Condition.PARTIAL
    return Condition.RUINS if traces.remains else Condition.ABSENT


def look(identity: Identity) -> Traces:
    """Look at the machine."""
    table = processes.table()
    records = processes.read_records(records_file(identity))
    pods = tuple(sorted(pid for pid in cgroups.pids(identity.cgroup) if pid in table and table[pid].alive))
    return Traces(
        running=frozenset(running(records, table, processes.boot_id())),
        processes=tuple(ours(identity, table.values())),
        pods=pods,
        remains=tuple(remains(identity, Path("/proc/self/mounts").read_text())),
    )


def records_file(identity: Identity) -> Path:
    """Where started processes are written down."""
    return identity.state / "processes.json"


def running(records: Mapping[str, Record], table: Mapping[int, Entry], boot: str) -> list[str]:
    """Return the names of the recorded processes that run: the same pid, started at the same tick of the same boot."""
    return [name for name, record in records.items() if processes.is_same(record, table.get(record.pid), boot)]


def ours(identity: Identity, table: Iterable[Entry]) -> list[Entry]:
    """Return the processes whose program and folders are this cluster's."""
    folders = (f"{identity.state}/", f"{identity.run}/", f"--net={identity.netns_path} ")
    return [
        seen
        for seen in table
        if seen.alive
        and os.path.basename(seen.command.split(" ", 1)[0]) in OUR_PROGRAMS  # noqa: PTH119  a command line is not a path
        and any(folder in f"{seen.command} " for folder in folders)
    ]


def remains(identity: Identity, mounts: str) -> list[str]:
    """Return, in words, what is left of a cluster apart from its processes and the folder with its logs and images."""
    found = [f"mount {point}" for point in mount_points(identity, mounts)]
    found += [f"control group {branch}" for branch in cgroups.branches(identity.cgroup)]
    if identity.netns_path.exists():
        found.append(f"network namespace {identity.netns}")
    if Path("/sys/class/net", identity.veth).exists():
        found.append(f"link {identity.veth}")
    if identity.run.exists():
        found.append(f"folder {identity.run}")
    return found


def mount_points(identity: Identity, mounts: str) -> list[str]:
    """Return our mounts from the text of ``/proc/self/mounts``, innermost first, but for the namespace itself."""
    folders = (f"{identity.state}/", f"{identity.run}/")
    points = [_unescaped(line.split()[1]) for line in mounts.splitlines()]
    return sorted((point for point in points if f"{point}/".startswith(folders)), reverse=True)


def _unescaped(point: str) -> str:
    """Undo the kernel's octal escapes of blanks in paths."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point
