"""What the traces of a cluster amount to, over made-up process tables."""

from pathlib import Path

import pytest

from e2e.cluster import components, traces
from e2e.cluster.identity import Identity
from e2e.cluster.processes import Entry, Record
from e2e.cluster.traces import Condition, Traces

IDENTITY = Identity(tag="abc123", octet=7, state=Path("/srv/t/build/cluster"))
EVERYONE = frozenset(component.name for component in components.ALL)
BOOT = "boot-1"
SHIM = Entry(
    90, 500, "S", "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -address /run/tandem-abc123/containerd.sock"
)


@pytest.mark.parametrize(
    ("case", "found", "expected"),
    [
        ("nothing", Traces(frozenset(), (), (), ()), Condition.ABSENT),
        ("all run", Traces(EVERYONE, (SHIM,), (91,), ("link tdmabc123",)), Condition.RUNNING),
        ("one died", Traces(EVERYONE - {"etcd"}, (SHIM,), (), ("link tdmabc123",)), Condition.PARTIAL),
        ("only a shim lives", Traces(frozenset(), (SHIM,), (), ()), Condition.PARTIAL),
        ("only a pod lives", Traces(frozenset(), (), (91,), ("control group x",)), Condition.PARTIAL),
        ("every process gone", Traces(frozenset(), (), (), ("network namespace tandem-abc123",)), Condition.RUINS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_judge(case, found, expected):
    assert traces.judge(found) is expected, case


@pytest.mark.parametrize(
    ("case", "seen", "expected"),
    [
        ("the process we started", Entry(40, 1000, "S", "/c/etcd"), ["etcd"]),
        ("its pid is another program's now", Entry(40, 2000, "S", "/usr/bin/vi"), []),
        ("a zombie that nobody reaped", Entry(40, 1000, "Z", ""), []),
        ("no process", None, []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_pid_alone_proves_nothing(case, seen, expected):
    records = {"etcd": Record("etcd", 40, 1000, BOOT)}
    assert traces.running(records, {} if seen is None else {seen.pid: seen}, BOOT) == expected, case


def test_nothing_runs_from_before_a_reboot():
    records = {"etcd": Record("etcd", 40, 1000, BOOT)}
    assert traces.running(records, {40: Entry(40, 1000, "S", "/c/etcd")}, "boot-2") == []


@pytest.mark.parametrize(
    ("command", "is_ours"),
    [
        ("/c/etcd --data-dir=/srv/t/build/cluster/etcd", True),
        ("containerd --config=/srv/t/build/cluster/config/containerd.toml", True),
        (SHIM.command, True),
        ("nsenter --net=/run/netns/tandem-abc123 /c/kubelet", True),
        ("tail -f /srv/t/build/cluster/logs/etcd.log", False),
        ("kubectl --kubeconfig=/srv/t/build/cluster/kubeconfig get pods", False),
        ("/c/etcd --data-dir=/srv/t/build/cluster2/etcd", False),
        ("/usr/bin/containerd-shim-runc-v2 -address /run/tandem-fffff0/containerd.sock", False),
        ("/usr/bin/containerd", False),
        ("", False),
    ],
)
def test_ours(command, is_ours):
    seen = Entry(1, 1, "S", command)
    assert traces.ours(IDENTITY, [seen]) == ([seen] if is_ours else [])


def test_the_dead_are_nobodys():
    assert traces.ours(IDENTITY, [Entry(1, 1, "Z", SHIM.command)]) == []


def test_our_mounts_are_listed_innermost_first_and_others_are_not():
    mounts = """\
/dev/vda / ext4 rw 0 0
tmpfs /srv/t/build/cluster/kubelet tmpfs rw 0 0
tmpfs /srv/t/build/cluster/kubelet/pods/1/volumes/a\\040b tmpfs rw 0 0
shm /run/tandem-abc123/containerd/x/shm tmpfs rw 0 0
tmpfs /srv/t/build/cluster2/kubelet tmpfs rw 0 0
nsfs /run/netns/tandem-abc123 nsfs rw 0 0
"""
    assert traces.mount_points(IDENTITY, mounts) == [
        "/srv/t/build/cluster/kubelet/pods/1/volumes/a b",
        "/srv/t/build/cluster/kubelet",
        "/run/tandem-abc123/containerd/x/shm",
    ]
