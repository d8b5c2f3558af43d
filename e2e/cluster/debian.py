"""Debian packages: installed when missing, without letting any of them start a service."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster import cache, shell
from e2e.cluster.errors import ClusterError, MissingProgramError, NotRootError
from e2e.cluster.progress import Progress

NEEDED = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iproute2",
    "iptables",
    "conntrack",
    "socat",
    "ipset",
    "ebtables",
    "openssl",
    "buildah",
    "debootstrap",
    "gcc",
    "libc6-dev",
    "maven",
)
# What the model server's engine is compiled with; the tests run it.
ENGINE = ("g++", "libdnnl-dev", "libgrpc++-dev", "libprotobuf-dev", "nlohmann-json3-dev", "pkgconf")
POLICY = Path("/usr/sbin/policy-rc.d")
# apt's own lock makes the second one fail where it should wait.
LOCK = Path("/run/lock/tandem-packages")
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


def require_root() -> None:
    """Refuse to begin without the rights that network namespaces and mounts need.

    Raises:
      NotRootError: the effective user is not root.
    """
    if os.geteuid() != 0:
        raise NotRootError(
            "This makes network namespaces, mounts and control groups, which only root may. "
            "Run it as root, or give your own cluster with KUBECONFIG."
        )


def ensure(progress: Progress, packages: Sequence[str] = NEEDED) -> None:
    """Install what is missing of ``packages``.

    Raises:
      MissingProgramError: this is not a Debian machine, and programs are missing.
    """
    if not missing(packages, installed()):
        return
    with cache.locked(LOCK):
        _install(progress, missing(packages, installed()))


def _install(progress: Progress, absent: Sequence[str]) -> None:
    if not absent:  # another process installed them meanwhile
        return
    if not Path("/usr/bin/apt-get").exists():
        raise MissingProgramError(f"Not a Debian machine; install these by your own means: {' '.join(absent)}")
    with progress.step(f"install Debian packages: {' '.join(absent)}"), no_service_starts():
        shell.run(["apt-get", "-qq", "update"], env=QUIET, timeout=600)
        shell.run(["apt-get", "-qq", "install", "--no-install-recommends", *absent], env=QUIET, timeout=1200)
        if "containerd" in absent and Path("/run/systemd/system").is_dir():
            shell.run(
                ["systemctl", "disable", "--quiet", "containerd"]
            )  # ours runs apart; theirs shall not start at boot


def installed() -> str:
    """Return dpkg's table, a line ``name status`` per package; empty on other systems."""
    try:
        return shell.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"])
    except MissingProgramError:
        return ""


def missing(packages: Sequence[str], table: str) -> list[str]:
    """Return those of ``packages`` that dpkg's table does not show as installed."""
    have = {line.split()[0] for line in table.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in have]


@contextmanager
def no_service_starts(policy: Path = POLICY) -> Iterator[None]:
    """Keep package scripts from starting services for the duration, and leave a policy that was there alone."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\n# Made by tandem's e2e.cluster while it installs packages.\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def main() -> int:
    """Install what the engine is compiled with, or say what is missing; ``python3 -m e2e.cluster.debian``."""
    absent = missing(ENGINE, installed())
    if absent and os.geteuid() != 0:
        print(f"warning: tests of the model server need {' '.join(absent)}; install them as root", file=sys.stderr)
        return 0
    try:
        ensure(Progress(), ENGINE)
    except ClusterError as error:
        print(f"warning: tests of the model server can't run: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
