"""The cluster's programs as Go modules: which, which version, how each is built, and where it lies in the cache.

``tools/<name>/go.mod`` pins the version and ``go.sum`` the checked sum of every module that takes part; nothing else
decides what is built, so these files, our own sources and the flags below are the cache's key. CoreDNS and Helm stand
in Kubernetes' module, in the versions that use its very client libraries: those are then compiled once instead of three
times, which is five minutes of two cores.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from e2e.cluster import cache, shell
from e2e.cluster.errors import MissingProgramError
from e2e.cluster.progress import Progress

SOURCES = Path(__file__).parent / "tools"
GO_NEEDED = (1, 24)
BUILD_LIMIT_S = 3600
BUILD_SPACE_GB = 8


@dataclass(frozen=True, slots=True)
class Tool:
    """A set of programs built from one Go module of ours.

    Attributes:
      name: of its folder.
      module: whose version it has.
      packages: to build.
      programs: what comes of them.
      variables: that the linker sets; ``{version}``, ``{major}``, ``{minor}`` are the module's.
      beside: other modules that are built with it, by the name under which ``variables`` have their version.
      typical: how long it takes on two cores.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    variables: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    typical: str = ""

    @property
    def folder(self) -> Path:
        """Where its go.mod and go.sum lie."""
        return SOURCES / self.name

    def version(self) -> str:
        """Return the version that go.mod pins, such as ``v1.34.4``."""
        return pinned(self.folder.joinpath("go.mod").read_text(), self.module)

    def versions(self) -> Mapping[str, str]:
        """Return the versions of all that is built, by name."""
        go_mod = self.folder.joinpath("go.mod").read_text()
        return {self.name: self.version()} | {name: pinned(go_mod, module) for name, module in self.beside}

    def ldflags(self) -> str:
        """Return the linker's flags; the version variables matter, since clients and Helm read them."""
        version = self.version()
        major, minor = version.lstrip("v").split(".")[:2]
        values = {**self.versions(), "version": version, "major": major, "minor": minor}
        return " ".join(["-s", "-w", *(f"-X {variable.format(**values)}" for variable in self.variables)])

    def place(self) -> Path:
        """Where the cache keeps what is built from exactly these files and flags."""
        sources = sorted(
            file for file in self.folder.rglob("*") if file.name in {"go.mod", "go.sum"} or file.suffix == ".go"
        )
        key = cache.key_of(sources, self.ldflags(), *self.packages)
        return cache.root() / "tools" / self.name / f"{self.version()}-{key}"


def _kubernetes(command: str) -> str:
    return f"k8s.io/kubernetes/cmd/{command}"


KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
TOOLS = (
    Tool(
        name="kubernetes",
        module="k8s.io/kubernetes",
        packages=(*(_kubernetes(program) for program in KUBERNETES_PROGRAMS), "helm.sh/helm/v3/cmd/helm", "./coredns"),
        programs=(*KUBERNETES_PROGRAMS, "helm", "coredns"),
        variables=(
            "k8s.io/component-base/version.gitVersion={version}",
            "k8s.io/component-base/version.gitMajor={major}",
            "k8s.io/component-base/version.gitMinor={minor}",
            "k8s.io/client-go/pkg/version.gitVersion={version}",
            "helm.sh/helm/v3/internal/version.version={helm}",
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor={major}",
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor={minor}",
        ),
        beside=(("helm", "helm.sh/helm/v3"), ("coredns", "github.com/coredns/coredns")),
        typical="9 min",
    ),
    Tool("etcd", "go.etcd.io/etcd/server/v3", ("go.etcd.io/etcd/server/v3",), ("etcd",), typical="20 s"),
    Tool(
        "registry",
        "github.com/distribution/distribution/v3",
        (".",),
        ("registry",),
        ("github.com/distribution/distribution/v3/version.version={version}",),
        typical="30 s",
    ),
)


Programs = Mapping[str, Path]


def pinned(go_mod: str, module: str) -> str:
    """Return the version that a go.mod requires of a module."""
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if found is None:
        raise ValueError(f"go.mod does not require {module}")
    return found[1]


def obtain_all(progress: Progress) -> Programs:
    """Return every program, building what the cache lacks (about ten minutes of two cores the first time)."""
    paths: dict[str, Path] = {}
    for tool in TOOLS:
        place = tool.place()
        if not place.is_dir():
            go = require_go()
            cache.require_space(cache.root(), BUILD_SPACE_GB)
            what = ", ".join(f"{name} {version}" for name, version in tool.versions().items())
            with progress.step(f"build {what} from Go modules, about {tool.typical}, once"):
                cache.obtain(place, partial(_build, go, tool))
        paths |= {program: place / program for program in tool.programs}
    return paths


def installed() -> Programs | None:
    """Return every program if all are in the cache, without building any."""
    if not all(tool.place().is_dir() for tool in TOOLS):
        return None
    return {program: tool.place() / program for tool in TOOLS for program in tool.programs}


def require_go() -> str:
    """Return the Go command's path.

    Raises:
      MissingProgramError: there is none, or it is too old to choose a newer toolchain by itself.
    """
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    needed = ".".join(map(str, GO_NEEDED))
    if go is None:
        raise MissingProgramError(f"go: not found. Install Go {needed} or newer and put it on PATH.")
    if go_version(shell.run([go, "version"])) < GO_NEEDED:
        raise MissingProgramError(f"{go}: older than {needed}. Install Go {needed} or newer and put it first on PATH.")
    return go


def go_version(words: str) -> tuple[int, int]:
    """Read ``go version go1.26.8 linux/amd64`` as ``(1, 26)``; what cannot be read counts as oldest."""
    found = re.search(r"go(\d+)\.(\d+)", words)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _build(go: str, tool: Tool, folder: Path) -> None:
    """Build into ``folder``; ``-mod=readonly`` fails rather than change go.mod or go.sum."""
    command = [
        go,
        "build",
        "-mod=readonly",
        "-trimpath",
        "-ldflags",
        tool.ldflags(),
        "-o",
        f"{folder}/",
        *tool.packages,
    ]
    shell.run(command, cwd=tool.folder, env={"CGO_ENABLED": "0", "GOWORK": "off"}, timeout=BUILD_LIMIT_S)
    if tool.name == "etcd":
        folder.joinpath("server").rename(folder / "etcd")  # Go names a program after its package's folder
