"""What status says of a cluster."""

import dataclasses
from pathlib import Path

import pytest

from e2e.cluster import health
from e2e.cluster.client import Client, gpus, is_ready
from e2e.cluster.health import Health
from e2e.cluster.identity import Identity
from e2e.cluster.processes import Record

CLIENT = Client(
    Identity(tag="abc123", octet=7, state=Path("/s")), {"kubectl": Path("/c/k/kubectl"), "helm": Path("/c/h/helm")}
)
WELL = Health((Record("etcd", 7, 1, "b"),), (), api=True, node=True, dns=True, registry=True)


@pytest.mark.parametrize(
    "seen",
    [
        dataclasses.replace(WELL, api=False),
        dataclasses.replace(WELL, node=False),
        dataclasses.replace(WELL, dns=False),
        dataclasses.replace(WELL, registry=False),
    ],
)
def test_one_part_that_is_not_ready_is_enough_to_be_unwell(seen):
    assert WELL.healthy
    assert not seen.healthy


def test_a_missing_process_is_enough_to_be_unwell():
    assert not dataclasses.replace(WELL, missing=("kubelet",)).healthy


def test_a_healthy_report_ends_with_what_to_export():
    report = health.report(WELL, CLIENT)
    assert "etcd                 running  pid 7" in report
    assert report.splitlines()[-3:] == [
        "export KUBECONFIG=/s/kubeconfig",
        "export PATH=/c/k:$PATH",
        "export TANDEM_REGISTRY=10.89.7.1:5000",
    ]


def test_an_unhealthy_report_says_what_to_do():
    report = health.report(Health((), ("etcd",)), CLIENT)
    assert "etcd                 not running" in report
    assert "`python3 -m e2e.cluster up`" in report
    assert "KUBECONFIG" not in report


@pytest.mark.parametrize(
    ("node", "ready"),
    [
        ({}, False),
        ({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, False),
        ({"status": {"conditions": [{"type": "DiskPressure", "status": "True"}]}}, False),
        ({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, True),
    ],
)
def test_is_ready(node, ready):
    assert is_ready(node) is ready


@pytest.mark.parametrize(("node", "count"), [({}, 0), ({"status": {"capacity": {"nvidia.com/gpu": "2"}}}, 2)])
def test_gpus(node, count):
    assert gpus(node) == count
