"""``python3 -m e2e.cluster up|down|status|load IMAGE``."""

import argparse
import sys
from collections.abc import Sequence

from e2e.cluster import cache, debian, health, toolchain
from e2e.cluster.bringup import up
from e2e.cluster.client import Client
from e2e.cluster.errors import ClusterError, UserError
from e2e.cluster.identity import Identity, identify
from e2e.cluster.load import load
from e2e.cluster.progress import Progress
from e2e.cluster.teardown import down

NOT_HEALTHY = 1
WORLD_FAILED = 1
USER_ERROR = 2


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(
        prog="python3 -m e2e.cluster", description="A real Kubernetes on this Debian machine."
    )
    commands = top.add_subparsers(dest="command", required=True)
    bring = commands.add_parser("up", help="bring the cluster up, or find that it runs")
    bring.add_argument("--gpus", type=int, metavar="N", help="GPUs that the node shall claim to have (scheduling only)")
    commands.add_parser("down", help="take it down and leave nothing running, mounted or linked")
    commands.add_parser("status", help="say what runs; exit 0 only if all of it is ready")
    give = commands.add_parser("load", help="put a local image into the cluster's registry")
    give.add_argument("image", help="name in buildah's storage, or PATH.tar of an image archive")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    words = parser().parse_args(argv)
    try:
        return _do(words, identify())
    except ClusterError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return USER_ERROR if isinstance(error, UserError) else WORLD_FAILED


def _do(words: argparse.Namespace, identity: Identity) -> int:
    progress = Progress()
    if words.command == "status":
        return _status(identity)
    debian.require_root()
    if words.command == "load":
        print(load(words.image, identity, progress))
        return 0
    with cache.locked(identity.state / ".lock"):  # one `up` or `down` of a clone at a time
        if words.command == "down":
            down(identity, progress)
            return 0
        up(identity, progress, gpu_count=words.gpus)
    return _status(identity)


def _status(identity: Identity) -> int:
    programs = toolchain.installed()
    if programs is None:
        print("The cluster's programs are not built yet; `python3 -m e2e.cluster up` builds them.")
        return NOT_HEALTHY
    client = Client(identity, programs)
    seen = health.look(client)
    print(health.report(seen, client))
    return 0 if seen.healthy else NOT_HEALTHY


if __name__ == "__main__":
    sys.exit(main())
