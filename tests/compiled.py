"""Programs of this project that are compiled for tests, kept in the user's cache by the digest of their sources."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from e2e.cluster import cache

ROOT = Path(__file__).parents[1]
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
ENGINE = ROOT / "serving_image" / "engine"
CORE = ROOT / "training_image" / "ops" / "src" / "core"


def run(folder: Path, *words: str, said: str = "") -> str:
    """Run a program in a folder and return what it printed; the test fails with its words if it fails."""
    environment = {**os.environ, "PATH": PATH}
    done = subprocess.run(
        words, cwd=folder, env=environment, input=said, capture_output=True, text=True, timeout=2400, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-20_000:]
    return done.stdout


def obtain(name: str, preset: str, sources: Sequence[Path], make: Callable[[Path], None]) -> Path:
    """Return the folder of what ``make`` compiles into it, made if these sources were not compiled before."""
    key = cache.key_of(sources, run(ROOT, "c++", "--version"))
    return cache.obtain(cache.root() / name / f"{preset}-{key}", make)


def engine() -> Path:
    """Return tandem-engine as the product is compiled; ``TANDEM_ENGINE`` names one that is used as it is."""
    given = os.environ.get("TANDEM_ENGINE")
    if given:
        return Path(given)
    files = [*(ENGINE / "src").rglob("*"), *CORE.glob("*")]
    sources = sorted(file for file in files if file.suffix in {".cc", ".h", ".txt"} and "tests" not in file.parts)
    described = [ENGINE / "CMakeLists.txt", ENGINE / "CMakePresets.json"]
    return obtain("engine", "engine", [*described, *sources], _compile_engine) / "tandem-engine"


def _compile_engine(folder: Path) -> None:
    build = folder / "build"
    run(ENGINE, "cmake", "--preset", "engine", "-B", str(build), "-DTANDEM_ENGINE_TESTS=OFF")
    run(ENGINE, "cmake", "--build", str(build), "--target", "tandem-engine")
    shutil.copy2(build / "src" / "control" / "tandem-engine", folder)
    shutil.rmtree(build)
