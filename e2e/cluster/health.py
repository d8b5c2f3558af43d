"""Whether the cluster is up, part by part, for ``status`` and before ``up`` decides that there is nothing to do."""

from dataclasses import dataclass

from e2e.cluster import components, processes, traces
from e2e.cluster.client import Client, gpus, is_ready
from e2e.cluster.processes import Record


@dataclass(frozen=True, slots=True)
class Health:
    """What the cluster says of itself at one instant.

    Attributes:
      running: the recorded processes that run.
      missing: components without a running process.
      api, node, dns, registry: whether each answers as ready.
      gpus: what the node offers.
    """

    running: tuple[Record, ...]
    missing: tuple[str, ...]
    api: bool = False
    node: bool = False
    dns: bool = False
    registry: bool = False
    gpus: int = 0

    @property
    def healthy(self) -> bool:
        """Whether every part is there and ready."""
        return not self.missing and self.api and self.node and self.dns and self.registry


def look(client: Client) -> Health:
    """Look at the processes, and ask them if there are any."""
    identity = client.identity
    records = processes.read_records(traces.records_file(identity))
    alive = set(traces.running(records, processes.table(), processes.boot_id()))
    running = tuple(records[component.name] for component in components.ALL if component.name in alive)
    missing = tuple(component.name for component in components.ALL if component.name not in alive)
    if not identity.kubeconfig.exists() or "apiserver" in missing:
        return Health(running, missing, registry=client.registry_ready())
    node = client.node()
    return Health(
        running,
        missing,
        api=client.api_ready(),
        node=is_ready(node),
        dns=client.dns_ready(),
        registry=client.registry_ready(),
        gpus=gpus(node),
    )


def report(health: Health, client: Client) -> str:
    """Return what ``status`` prints."""
    lines = [f"  {record.name:<20} running  pid {record.pid}" for record in health.running]
    lines += [f"  {name:<20} not running" for name in health.missing]
    checks = {"API server": health.api, "node": health.node, "cluster DNS": health.dns, "registry": health.registry}
    lines += [f"  {name:<20} {'ready' if good else 'not ready'}" for name, good in checks.items()]
    identity = client.identity
    lines += [f"  {'GPUs offered':<20} {health.gpus}", f"  {'logs':<20} {identity.state / 'logs'}"]
    if health.healthy:
        lines += [
            f"export KUBECONFIG={identity.kubeconfig}",
            f"export PATH={client.programs['kubectl'].parent}:$PATH",
            f"export TANDEM_REGISTRY={identity.registry}",
        ]
    else:
        lines.append("not healthy; `python3 -m e2e.cluster up` clears what is there and starts anew")
    return "\n".join(lines)
