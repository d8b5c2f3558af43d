"""The base image where no public registry is reachable: Debian's own packages, trimmed as ``debian:bookworm-slim`` is.

The Dockerfiles name ``debian:bookworm-slim`` and never learn of this; it is given to them as the build argument
``BASE``.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from e2e.cluster import cache, debian, shell

SUITE = "bookworm"
LIMIT_S = 900
SPACE_GB = 6
PACKAGES = ("ca-certificates",)
SLIM = """\
# What a container never reads; the same list as Debian's own slim images, which keep the licences.
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/groff/*
path-exclude /usr/share/info/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/lintian/overrides/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
"""
APT = """\
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Apt::AutoRemove::SuggestsImportant "false";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb \
/var/cache/apt/*.bin || true"; };
"""
EMPTIED = (
    "usr/share/groff",
    "usr/share/info",
    "usr/share/linda",
    "usr/share/locale",
    "usr/share/man",
    "var/lib/apt/lists",
    "var/cache/apt/archives",
    "var/cache/debconf",
    "var/log",
    "tmp",
)


def root_file_system() -> Path:
    """Return the archive of the base's root file system, made by debootstrap if the cache lacks it (about a minute)."""
    place = cache.root() / "base" / f"{SUITE}-{cache.key_of([], *PACKAGES, SLIM, APT, *EMPTIED)}"
    return cache.obtain(place, _make) / "rootfs.tar"


def _make(folder: Path) -> None:
    """Bootstrap into ``folder/tree``, trim it, and leave one archive."""
    cache.require_space(folder, SPACE_GB)
    tree = folder / "tree"
    tree.mkdir()
    shell.run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, tree], timeout=LIMIT_S)
    slim(tree)
    for words in (["update"], ["dist-upgrade", "--yes"], ["clean"]):
        shell.run(["chroot", tree, "apt-get", "-qq", *words], env=debian.QUIET, timeout=LIMIT_S)
    empty(tree)
    archive = [
        "tar",
        "--create",
        "--numeric-owner",
        "--sort=name",
        "--exclude=./proc/*",
        "--exclude=./sys/*",
        "--exclude=./dev/*",
    ]
    shell.run([*archive, "--file", folder / "rootfs.tar", "--directory", tree, "."], timeout=LIMIT_S)
    shutil.rmtree(tree)


def slim(tree: Path) -> None:
    """Keep later packages from bringing what a container never reads, and add the suites of security updates."""
    tree.joinpath("etc/dpkg/dpkg.cfg.d/container-slim").write_text(SLIM)
    tree.joinpath("etc/apt/apt.conf.d/container-slim").write_text(APT)
    sources = tree / "etc/apt/sources.list"
    sources.write_text(with_updates(sources.read_text()))


def empty(tree: Path) -> None:
    """Remove what is the machine's or can be fetched again, and what came before the rules of ``slim``."""
    tree.joinpath("etc/resolv.conf").write_text("")
    tree.joinpath("etc/hostname").write_text("localhost\n")
    tree.joinpath("etc/machine-id").write_text("")
    for name in EMPTIED:
        for entry in (tree / name).glob("*"):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    for file in _documents(tree / "usr/share/doc"):
        file.unlink()


def with_updates(sources: str) -> str:
    """Give the suites of stable updates and security fixes beside the one that debootstrap wrote."""
    line = next(line for line in sources.splitlines() if line.startswith("deb "))
    _, mirror, suite, *components = line.split()
    mirror = mirror.rstrip("/")
    kept = " ".join(components)
    return "".join(
        f"deb {place} {name} {kept}\n"
        for place, name in ((mirror, suite), (mirror, f"{suite}-updates"), (f"{mirror}-security", f"{suite}-security"))
    )


def _documents(folder: Path) -> Iterator[Path]:
    yield from [
        file for file in folder.rglob("*") if (file.is_file() or file.is_symlink()) and file.name != "copyright"
    ]
