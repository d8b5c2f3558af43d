"""Our branch of the control groups: every pod is in it, so that what is ours can be found, killed and removed exactly.

Works on version 1 (a tree per controller), version 2 (one tree) and both at once.
"""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")

WEIGHTS = {"cpu.shares": "8192", "cpu.weight": "800"}
"""All pods together would weigh as much as one process of the host; beside a busy host they would starve."""


def hierarchies(mounts: str) -> list[Path]:
    """Return where control groups are mounted, from the text of ``/proc/self/mounts``."""
    return [Path(line.split()[1]) for line in mounts.splitlines() if line.split()[2] in {"cgroup", "cgroup2"}]


def make(name: str) -> None:
    """Make our branch in every hierarchy; a version 2 tree must hand its controllers down."""
    for tree in _mounted():
        branch = tree / name
        branch.mkdir(exist_ok=True)
        controllers = tree / "cgroup.controllers"
        if controllers.exists():
            wanted = " ".join(f"+{controller}" for controller in controllers.read_text().split())
            if wanted:
                tree.joinpath("cgroup.subtree_control").write_text(wanted)
        for inherited in ("cpuset.cpus", "cpuset.mems"):
            if branch.joinpath(inherited).exists() and not branch.joinpath(inherited).read_text().strip():
                branch.joinpath(inherited).write_text(tree.joinpath(inherited).read_text())
        for file, weight in WEIGHTS.items():
            if branch.joinpath(file).exists():
                branch.joinpath(file).write_text(weight)


def branches(name: str) -> list[Path]:
    """Return our branches that exist."""
    return [tree / name for tree in _mounted() if (tree / name).is_dir()]


def pids(name: str) -> set[int]:
    """Return every process in our branches."""
    return {pid for branch in branches(name) for folder in _below(branch) for pid in _members(folder)}


def remove(name: str) -> None:
    """Remove our branches, deepest groups first; they must have no process left."""
    for branch in branches(name):
        for folder in sorted(_below(branch), key=lambda path: len(path.parts), reverse=True):
            try:
                folder.rmdir()
            except OSError:
                continue  # a process is just leaving it; the caller looks whether anything is left


def _mounted() -> list[Path]:
    return hierarchies(Path("/proc/self/mounts").read_text())


def _below(branch: Path) -> Iterator[Path]:
    for folder, _, _ in os.walk(branch):
        yield Path(folder)


def _members(folder: Path) -> list[int]:
    try:
        return [int(word) for word in folder.joinpath("cgroup.procs").read_text().split()]
    except OSError:
        return []  # removed while we looked, or a threaded group
