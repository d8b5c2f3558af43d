"""Putting an image into the cluster's registry, from where the node pulls it like any other."""

from pathlib import Path

from e2e.cluster import client, shell
from e2e.cluster.identity import Identity
from e2e.cluster.progress import Progress

LIMIT_S = 1800


def load(image: str, identity: Identity, progress: Progress) -> str:
    """Push a local image and return the name to use in pods.

    Args:
      image: a name in buildah's (or podman's) storage, or the path of an archive that ``docker save`` or ``buildah
        push`` wrote.
      identity: whose cluster.
      progress: where the step is told.

    Raises:
      UserError: the cluster's registry does not answer.
    """
    client.require_registry(identity.registry)
    archive = Path(image)
    source, name = (f"docker-archive:{archive}", archive.stem) if archive.is_file() else (image, image)
    there = target(name, identity.registry)
    with progress.step(f"push {image} as {there}"):
        if archive.is_file():
            source = shell.run(["buildah", "pull", "--quiet", source], timeout=LIMIT_S).split()[-1]
        shell.run(["buildah", "push", "--quiet", "--tls-verify=false", source, f"docker://{there}"], timeout=LIMIT_S)
    return there


def target(image: str, registry: str) -> str:
    """Return the name under which a local image is pushed: the registry, and its own name without its old host.

    >>> target("localhost/search/model:3", "10.89.7.1:5000")
    '10.89.7.1:5000/search/model:3'
    """
    first, _, rest = image.partition("/")
    name = rest if rest and ("." in first or ":" in first or first == "localhost") else image
    tagged = ":" in name.rsplit("/", 1)[-1]
    return f"{registry}/{name}" if tagged else f"{registry}/{name}:latest"
