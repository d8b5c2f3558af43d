"""A full disk costs time at the next start and nothing else."""

import os
import subprocess
import sys
import tempfile

import pytest

from tests.compiled import ROOT

APART = ["unshare", "--map-root-user", "--mount"]


@pytest.fixture
def folder():
    """A folder with a short name, since the engine's socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="full-") as name:
        yield name


@pytest.mark.usefixtures("engine_program")
def test_a_pod_goes_on_with_swaps_and_updates_while_its_disk_is_full(folder):
    try:
        apart = subprocess.run([*APART, "mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare of util-linux is not here, so a small disk can't be made")
    if apart.returncode:
        pytest.skip(f"this machine lets nobody make a small disk: {apart.stderr.decode().strip()}")
    done = subprocess.run(
        [*APART, sys.executable, "-m", "tests.serving.full_disk", folder],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-10_000:]
    said = [line for line in done.stdout.splitlines() if "the cache of bases can't be used" in line]
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert "TANDEM_SERVING_CACHE" in said[0]
