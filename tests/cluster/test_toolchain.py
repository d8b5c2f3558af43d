"""Versions, flags and cache keys of what is built from Go modules."""

import pytest

from e2e.cluster import toolchain
from e2e.cluster.errors import MissingProgramError
from e2e.cluster.toolchain import TOOLS

VERSIONS = {
    "kubernetes": {"kubernetes": "v1.34.4", "helm": "v3.19.5", "coredns": "v1.13.1"},
    "etcd": {"etcd": "v3.6.7"},
    "registry": {"registry": "v3.0.0"},
}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_versions_are_pinned(tool):
    assert tool.versions() == VERSIONS[tool.name]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_module_has_its_sum(tool):
    sums = tool.folder.joinpath("go.sum").read_text()
    for name, module in ((tool.name, tool.module), *tool.beside):
        assert f"{module} {tool.versions()[name]} h1:" in sums


def test_clients_can_read_the_version_of_kubernetes():
    flags = next(tool for tool in TOOLS if tool.name == "kubernetes").ldflags()
    for value in ("gitVersion=v1.34.4", "gitMajor=1", "gitMinor=34"):
        assert f"-X k8s.io/component-base/version.{value}" in flags


def test_helm_renders_for_the_kubernetes_it_stands_beside():
    flags = next(tool for tool in TOOLS if tool.name == "kubernetes").ldflags()
    assert "-X helm.sh/helm/v3/internal/version.version=v3.19.5" in flags
    assert "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1" in flags
    assert "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=34" in flags


@pytest.mark.parametrize(
    ("go_mod", "expected"),
    [
        ("require a.b/c v1.2.3\n", "v1.2.3"),
        ("require (\n\ta.b/c v1.2.3\n\ta.b/cd v9.9.9\n)\n", "v1.2.3"),
        ("require (\n\ta.b/c v1.2.3-0.20240101-abcdef // indirect\n)\n", "v1.2.3-0.20240101-abcdef"),
    ],
)
def test_pinned(go_mod, expected):
    assert toolchain.pinned(go_mod, "a.b/c") == expected


def test_a_module_that_is_not_required_has_no_version():
    with pytest.raises(ValueError, match=r"does not require a\.b/c"):
        toolchain.pinned("require a.b/cd v1.0.0\n", "a.b/c")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.19 linux/amd64", (1, 19)),
        ("no such thing", (0, 0)),
    ],
)
def test_go_version(words, expected):
    assert toolchain.go_version(words) == expected


def test_no_go_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(MissingProgramError, match=r"Install Go 1\.24 or newer"):
        toolchain.require_go()


def test_an_old_go_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: "/usr/bin/go")
    monkeypatch.setattr("e2e.cluster.shell.run", lambda *_: "go version go1.19 linux/amd64")
    with pytest.raises(MissingProgramError, match=r"older than 1\.24"):
        toolchain.require_go()
