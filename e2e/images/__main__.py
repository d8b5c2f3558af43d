"""``python3 -m e2e.images build [NAME…] [--registry R] [--push]``."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence

from e2e.cluster import cache, client, debian
from e2e.cluster.errors import ClusterError, UserError
from e2e.cluster.identity import Identity, identify
from e2e.cluster.progress import Progress
from e2e.images.builder import builder
from e2e.images.catalog import IMAGES

SPACE_GB = 10


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(
        prog="python3 -m e2e.images", description="Tandem's container images and what they stand on."
    )
    commands = top.add_subparsers(dest="command", required=True)
    build = commands.add_parser(
        "build", help="build images; with --push, push them and write their names to build/images.json"
    )
    build.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(IMAGES)}; default: all")
    build.add_argument("--push", action="store_true", help="push to the registry as well")
    build.add_argument(
        "--registry", metavar="R", help="default: TANDEM_REGISTRY, else the registry of this clone's cluster"
    )
    return top


def chosen(names: Sequence[str]) -> list[str]:
    """Return the images to build, in the catalogue's order.

    Raises:
      UserError: one of them is not in the catalogue.
    """
    unknown = [name for name in names if name not in IMAGES]
    if unknown:
        raise UserError(f"{', '.join(unknown)}: no such image. There are: {', '.join(IMAGES)}.")
    return [name for name in IMAGES if not names or name in names]


def registry(given: str | None, identity: Identity, environ: Mapping[str, str] = os.environ) -> tuple[str, bool]:
    """Return the registry to push to, and whether it speaks plain HTTP, as only the cluster's own does."""
    name = given or environ.get("TANDEM_REGISTRY") or identity.registry
    return name, name.split("/")[0] == identity.registry


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    words = parser().parse_args(argv)
    try:
        _build(words, identify())
    except ClusterError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    return 0


def _build(words: argparse.Namespace, identity: Identity) -> None:
    progress = Progress()
    names = chosen(words.names)
    debian.require_root()
    debian.ensure(progress)
    cache.require_space(cache.root(), SPACE_GB)
    maker = builder(identity)
    target, plain = registry(words.registry, identity)
    if words.push and plain:
        client.require_registry(target.split("/")[0])
    if not maker.base:
        with progress.step("make the base image (debootstrap, about a minute, once)"):
            maker.own_base()
    pushed: dict[str, str] = {}
    for name in names:
        with progress.step(f"build {name}"):
            image_id = maker.build(IMAGES[name])
        if words.push:
            with progress.step(f"push {name} to {target}"):
                pushed[name] = maker.push(IMAGES[name], image_id, target, plain=plain)
    if pushed:
        file = identity.state.parent / "images.json"
        before = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(before | pushed, indent=1, sort_keys=True) + "\n")
        print("\n".join(f"{name} {reference}" for name, reference in pushed.items()))


if __name__ == "__main__":
    sys.exit(main())
