"""Where the tests find the programs of a cluster."""

import shutil

from e2e.cluster import toolchain


def program(name: str) -> str | None:
    """Find a program among those that `make cluster` built, or on the path."""
    built = (toolchain.installed() or {}).get(name)
    return str(built) if built is not None else shutil.which(name)
