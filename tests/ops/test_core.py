"""The core's own tests, as the product is compiled and under sanitizers: `cmake --workflow --preset NAME`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "training_image" / "ops"
BIN = Path(sys.executable).parent


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["core", "core-asan", "core-tsan"])
def test_core(preset):
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    cmake = shutil.which("cmake", path=path)
    assert cmake is not None, "cmake is missing from the environment: make setup"
    run = subprocess.run(
        [cmake, "--workflow", "--preset", preset],
        cwd=SOURCE,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
