"""The core's own tests and the fuzzed corpus, as the product is compiled and under sanitizers.

What was compiled is kept in the user's cache by the sources' digest: a clone whose core is unchanged runs it at once.
"""

import shutil
from functools import partial
from pathlib import Path

import pytest

from tests import compiled

SOURCE = compiled.ROOT / "training_image" / "ops"
PROGRAMS = {"tandem_core_test": [], "tandem_block_fuzz": [str(SOURCE / "fuzz" / "corpus"), "20000"]}


def run(*words: str) -> str:
    return compiled.run(SOURCE, *words)


def programs(preset: str) -> Path:
    core = [file for file in compiled.CORE.rglob("*") if file.suffix in {".cc", ".h"}]
    described = [SOURCE / "CMakeLists.txt", SOURCE / "CMakePresets.json", SOURCE / "fuzz" / "block_fuzz.cc"]
    return compiled.obtain("core-tests", preset, [*described, *sorted(core)], partial(compile_into, preset))


def compile_into(preset: str, folder: Path) -> None:
    run("cmake", "--preset", preset)
    run("cmake", "--build", "--preset", preset)
    for program in PROGRAMS:
        shutil.copy2(SOURCE / "build" / preset / program, folder / program)


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("preset", ["core", "core-asan", "core-tsan"])
def test_core(preset):
    folder = programs(preset)
    for program, arguments in PROGRAMS.items():
        run(str(folder / program), *arguments)
