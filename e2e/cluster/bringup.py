"""Bringing a cluster up, step by step; whatever is left of an earlier one is cleared first."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from e2e.cluster import (
    archive,
    cache,
    cgroups,
    components,
    debian,
    health,
    network,
    pki,
    processes,
    render,
    shell,
    toolchain,
    traces,
)
from e2e.cluster.client import Client, environment, gpus, is_ready
from e2e.cluster.components import Component
from e2e.cluster.errors import NotReadyError
from e2e.cluster.identity import Identity
from e2e.cluster.progress import Progress
from e2e.cluster.teardown import down
from e2e.cluster.traces import Condition

SPACE_GB = 5
READY_S = 90
MANIFESTS = Path(__file__).parent / "manifests"


def up(identity: Identity, progress: Progress, *, gpu_count: int | None = None) -> None:
    """Bring the cluster up, or find that it runs and is healthy.

    Args:
      identity: whose cluster.
      progress: where each step is told.
      gpu_count: GPUs that the node shall claim to have (scheduling, not CUDA); nothing to leave that as it is.

    Raises:
      UserError: not root, no Go, no space, or an address is taken.
      NotReadyError: a part did not get ready in time; the message names its log.
    """
    debian.require_root()
    debian.ensure(progress)
    programs = toolchain.obtain_all(progress)
    client = Client(identity, programs)
    if not _reuse(client, progress):
        network.require_free(identity)
        cache.require_space(identity.state, SPACE_GB)
        _start_all(client, progress)
    _offer_gpus(client, gpu_count)


def _reuse(client: Client, progress: Progress) -> bool:
    """Tell whether a healthy cluster runs; anything less is cleared."""
    condition = traces.judge(traces.look(client.identity))
    if condition is Condition.RUNNING and health.look(client).healthy:
        progress.say("the cluster runs and is healthy; nothing to do")
        return True
    if condition is not Condition.ABSENT:
        progress.say(f"found a cluster of this clone: {condition.value}; starting anew")
        down(client.identity, progress)
    return False


def _start_all(client: Client, progress: Progress) -> None:
    """Start every component in an order in which each finds what it needs."""
    identity = client.identity
    with progress.step("make network, certificates and configuration"):
        identity.run.mkdir(mode=0o711)
        network.make(identity)
        cgroups.make(identity.cgroup)
        pki.make(identity.state / "pki", identity)
        _configure(identity)
    with progress.step("start etcd, API server, containerd, registry"):
        for component in (components.STORE, components.API, components.CONTAINERD, components.REGISTRY):
            _start(component, client)
        _wait(client, components.CONTAINERD, lambda: bool(shell.succeeds(_ctr_version(identity))))
        _import_images(client)
        _wait(client, components.REGISTRY, client.registry_ready)
        _wait(client, components.API, client.api_ready)
    with progress.step("start controller-manager, scheduler, kubelet, kube-proxy; wait for the node"):
        for component in components.FOLLOWERS:
            _start(component, client)
        client.kubectl("apply", "-f", str(MANIFESTS / "coredns.yaml"))
        _wait(client, components.KUBELET, lambda: is_ready(client.node()))
    with progress.step("wait for cluster DNS"):
        _wait(client, components.KUBELET, client.dns_ready)


def _configure(identity: Identity) -> None:
    """Write every configuration file."""
    config = identity.state / "config"
    hosts = config / "certs.d" / identity.registry
    for folder in (config / "cni", hosts, identity.state / "logs" / "pods"):
        folder.mkdir(parents=True, exist_ok=True)
    config.joinpath("containerd.toml").write_text(render.containerd(identity))
    config.joinpath("registry.json").write_text(render.registry(identity))
    config.joinpath("kubelet.json").write_text(render.kubelet(identity))
    config.joinpath("resolv.conf").write_text("")
    config.joinpath("cni", "10-tandem.conflist").write_text(render.cni(identity))
    hosts.joinpath("hosts.toml").write_text(render.registry_hosts(identity))
    for user in ("controller-manager", "scheduler", "kubelet", "proxy"):
        _write_private(config / f"{user}.kubeconfig", render.kubeconfig(identity, user))
    _write_private(identity.kubeconfig, render.kubeconfig(identity, "admin"))


def _write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(text)


def _start(component: Component, client: Client) -> None:
    """Start one component and write it down."""
    identity = client.identity
    file = traces.records_file(identity)
    log = log_of(identity, component)
    record = processes.start(component.name, component.command(identity, client.programs), log, environment())
    processes.write_records(file, [*processes.read_records(file).values(), record])


def log_of(identity: Identity, component: Component) -> Path:
    """Where a component's output goes."""
    return identity.state / "logs" / f"{component.name}.log"


def _wait(client: Client, component: Component, holds: Callable[[], bool]) -> None:
    """Wait for a component; if it ended or takes too long, show the end of its log."""
    log = log_of(client.identity, component)
    record = processes.read_records(traces.records_file(client.identity))[component.name]
    boot = processes.boot_id()

    def done() -> bool:
        if not processes.is_same(record, processes.entry(record.pid), boot):
            raise NotReadyError(
                f"{component.name} ended; the end of {log}:\n{shell.tail(log.read_text(errors='replace'))}"
            )
        return holds()

    try:
        shell.wait_until(f"{component.name} ready", done, timeout=READY_S)
    except NotReadyError as error:
        raise NotReadyError(f"{error}\nThe end of {log}:\n{shell.tail(log.read_text(errors='replace'))}") from error


def _ctr_version(identity: Identity) -> list[str]:
    return ["ctr", "-a", str(render.containerd_socket(identity)), "version"]


def _import_images(client: Client) -> None:
    """Give containerd the two images that are needed before any registry is asked."""
    folder = client.identity.run / "images"
    folder.mkdir()
    pause = cache.obtain(cache.root() / "pause" / cache.key_of([toolchain.SOURCES / "pause.c"]), _compile_pause)
    archive.write(folder / "pause.tar", render.PAUSE_IMAGE, pause / "pause")
    archive.write(folder / "coredns.tar", "localhost/coredns:1", client.programs["coredns"])
    for file in folder.iterdir():
        client.ctr("image", "import", str(file))
    shutil.rmtree(folder)


def _compile_pause(folder: Path) -> None:
    """Compile the static program that holds a pod's namespaces."""
    shell.run(["gcc", "-static", "-Os", "-s", "-o", folder / "pause", toolchain.SOURCES / "pause.c"])


def _offer_gpus(client: Client, count: int | None) -> None:
    """Have the node claim GPUs; the kubelet copies the capacity to what it allots."""
    if count is None or count == gpus(client.node()):
        return
    patch = f'{{"status":{{"capacity":{{"nvidia.com/gpu":"{count}"}}}}}}'
    client.kubectl("patch", "node", pki.NODE, "--subresource=status", "--type=merge", "-p", patch)
