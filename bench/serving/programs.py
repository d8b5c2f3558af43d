"""The bench's own programs in C++, compiled when first wanted and kept in the user's cache by their sources."""

import shlex
import subprocess
from functools import cache
from pathlib import Path

from bench.side import ROOT
from e2e.cluster import cache as kept

NATIVE = Path(__file__).parent / "native"
_ENGINE = ROOT / "serving_image" / "engine" / "src"
_CORE = ROOT / "training_image" / "ops" / "src"
_FLAGS = ("-std=c++17", "-O2", "-march=x86-64-v3", "-Wall", "-Wextra", "-Werror", "-pthread")
_LIBRARIES = {"load": (), "empty": ("grpc++",), "gemm": ("dnnl",)}


@cache
def program(name: str) -> Path:
    """Return a program: ``load``, ``empty`` or ``gemm`` of ``native/``.

    Raises:
      subprocess.CalledProcessError: it does not compile; ``make packages`` installs what it needs.
    """
    sources = [NATIVE / f"{name}.cc", *sorted(NATIVE.glob("*.h")), _ENGINE / "door" / "byte_service.h"]
    key = kept.key_of(sources, _said("c++", "--version"), *_FLAGS)

    def make(folder: Path) -> None:
        wanted = [f"-l{library}" for library in _LIBRARIES[name]]
        if "grpc++" in _LIBRARIES[name]:
            wanted = shlex.split(_said("pkg-config", "--cflags", "--libs", "grpc++"))
        includes = [f"-I{folder}" for folder in (NATIVE, _ENGINE, _CORE)]
        _said("c++", *_FLAGS, *includes, str(sources[0]), "-o", str(folder / name), *wanted)

    return kept.obtain(kept.root() / "bench" / f"{name}-{key}", make) / name


def _said(*words: str) -> str:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, words, done.stdout, done.stderr)
    return done.stdout
