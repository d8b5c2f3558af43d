"""Names, addresses and folders of a clone's cluster."""

from pathlib import Path

import pytest

from e2e.cluster.errors import UserError
from e2e.cluster.identity import Identity, identify

ROOT = Path("/srv/tandem")


def test_the_same_clone_is_always_called_the_same():
    assert identify(ROOT, {}) == identify(ROOT, {})


def test_two_clones_share_no_name_that_is_global_to_the_machine():
    one, other = identify(ROOT, {}), identify(Path("/srv/tandem-2"), {})
    for name in ("netns", "veth", "run", "cgroup", "state", "kubeconfig"):
        assert getattr(one, name) != getattr(other, name)


@pytest.mark.parametrize("path", ["/a", "/a/b", "/home/someone/src/tandem", "/x" * 30])
def test_names_fit_where_the_kernel_takes_them(path):
    identity = identify(Path(path), {"TANDEM_STATE": "/s"})
    assert len(identity.veth) <= 15
    assert len(f"{identity.run}/containerd.sock") < 108
    assert 1 <= identity.octet <= 254


def test_addresses_come_from_the_octet():
    identity = Identity(tag="abcdef", octet=7, state=Path("/s"))
    assert (identity.subnet, identity.host_ip, identity.node_ip) == ("10.89.7.0/24", "10.89.7.1", "10.89.7.2")
    assert identity.registry == "10.89.7.1:5000"


@pytest.mark.parametrize(
    ("environ", "attribute", "expected"),
    [
        ({}, "state", ROOT / "build" / "cluster"),
        ({"TANDEM_STATE": "/var/tmp/t"}, "state", Path("/var/tmp/t")),  # noqa: S108  nothing is written there
        ({"TANDEM_SUBNET": "200"}, "octet", 200),
        ({"TANDEM_REGISTRY_PORT": "5001"}, "registry_port", 5001),
    ],
)
def test_the_environment_overrides(environ, attribute, expected):
    assert getattr(identify(ROOT, environ), attribute) == expected


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"TANDEM_SUBNET": "0"}, "TANDEM_SUBNET=0: must be a number from 1 to 254"),
        ({"TANDEM_SUBNET": "10.89.1.0/24"}, "must be a number from 1 to 254"),
        ({"TANDEM_REGISTRY_PORT": "70000"}, "must be a number from 1 to 65535"),
        ({"TANDEM_STATE": "/x" * 40}, "Set TANDEM_STATE to a shorter folder"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_remedy(environ, message):
    with pytest.raises(UserError, match=message):
        identify(ROOT, environ)
