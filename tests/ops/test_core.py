"""The core's own tests and the fuzzed corpus, as the product is compiled and under sanitizers.

What was compiled is kept in the user's cache by the sources' digest: a clone whose core is unchanged runs it at once.
"""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from e2e.cluster import cache

SOURCE = Path(__file__).parents[2] / "training_image" / "ops"
BIN = Path(sys.executable).parent
PATH = os.pathsep.join([str(BIN), os.environ["PATH"]])
PROGRAMS = {"tandem_core_test": [], "tandem_block_fuzz": [str(SOURCE / "fuzz" / "corpus"), "20000"]}


def run(*words: str) -> str:
    done = subprocess.run(
        words, cwd=SOURCE, env={**os.environ, "PATH": PATH}, capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-20_000:]
    return done.stdout


def compiled(preset: str) -> Path:
    core = [file for file in SOURCE.joinpath("src", "core").rglob("*") if file.suffix in {".cc", ".h"}]
    described = [SOURCE / "CMakeLists.txt", SOURCE / "CMakePresets.json", SOURCE / "fuzz" / "block_fuzz.cc"]
    key = cache.key_of([*described, *sorted(core)], run("c++", "--version"))
    return cache.obtain(cache.root() / "core-tests" / f"{preset}-{key}", partial(compile_into, preset))


def compile_into(preset: str, folder: Path) -> None:
    run("cmake", "--preset", preset)
    run("cmake", "--build", "--preset", preset)
    for program in PROGRAMS:
        shutil.copy2(SOURCE / "build" / preset / program, folder / program)


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("preset", ["core", "core-asan", "core-tsan"])
def test_core(preset):
    folder = compiled(preset)
    for program, arguments in PROGRAMS.items():
        run(str(folder / program), *arguments)
