"""One system for all fault tests: brought up once, struck again and again."""

import os
from collections.abc import Iterator

import pytest

from e2e.cluster.identity import REPOSITORY
from e2e.demo.errors import DemoError
from e2e.demo.kube import Kube, connect
from e2e.demo.reach import Reach
from e2e.demo.system import System
from e2e.faults.world import World, start

NAMESPACE = "tandem-faults"


@pytest.fixture(scope="session")
def kube() -> Kube:
    """The cluster; without one the tests fail, and say how to get one."""
    try:
        found = connect(NAMESPACE)
    except DemoError as error:
        pytest.fail(str(error))
    for name in [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]:
        del os.environ[name]
    return found


@pytest.fixture(scope="session")
def world(kube: Kube) -> Iterator[World]:
    """The system; the operator was killed once while the first base was trained."""
    system = System(kube, REPOSITORY / "build" / "faults")
    was_there = system.installed()
    with Reach(kube) as reach:
        try:
            made = start(system, reach, World.kill_operator)
            try:
                yield made
            finally:
                made.play.stop()
        finally:
            if was_there:
                system.clear(wait=False)
            else:
                system.remove(wait=False)


@pytest.fixture
def own_cluster(kube: Kube) -> None:
    """Skip on a cluster whose nodes are not this machine's."""
    if not kube.own:
        pytest.skip("needs the cluster of this machine: it reaches into the node's network")
