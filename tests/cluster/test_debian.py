"""Missing packages, and keeping their services from starting."""

import pytest

from e2e.cluster import debian
from e2e.cluster.errors import NotRootError

TABLE = "runc installed\ncontainerd config-files\nlibc6-dev installed\n"


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        (("runc",), []),
        (("runc", "containerd"), ["containerd"]),
        (("libc6",), ["libc6"]),
        ((), []),
    ],
)
def test_missing(packages, expected):
    assert debian.missing(packages, TABLE) == expected


def test_no_service_starts_meanwhile_and_the_policy_goes_afterwards(tmp_path):
    policy = tmp_path / "policy-rc.d"
    with debian.no_service_starts(policy):
        assert policy.stat().st_mode & 0o111
        assert "exit 101" in policy.read_text()
    assert not policy.exists()


def test_a_policy_of_the_machines_own_stays(tmp_path):
    policy = tmp_path / "policy-rc.d"
    policy.write_text("theirs")
    with debian.no_service_starts(policy):
        pass
    assert policy.read_text() == "theirs"


def test_only_root_may(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(NotRootError, match="Run it as root, or give your own cluster with KUBECONFIG"):
        debian.require_root()
