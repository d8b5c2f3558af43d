"""The bench's own programs in C++, compiled when first wanted and kept in the user's cache by their sources."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.side import ROOT
from e2e.cluster import cache as kept

ENGINE = ROOT / "serving_image" / "engine" / "src"
CORE = ROOT / "training_image" / "ops" / "src"
_FLAGS = ("-std=c++17", "-march=x86-64-v3", "-Wall", "-Wextra", "-Werror", "-pthread")


def compiled(
    name: str, sources: Sequence[Path], *, read: Sequence[Path] = (), flags: Sequence[str], linked: Sequence[str] = ()
) -> Path:
    """Return a program of these sources; the first call makes it.

    Args:
      name: of the program.
      sources: to compile and link; they find headers beside themselves, and those of the engine and the tables' core.
      read: what else the program is made from: headers.
      flags: of the compiler, beside those of all programs.
      linked: words of the compiler's that name libraries.

    Raises:
      subprocess.CalledProcessError: it does not compile; ``make packages`` installs what it needs.
    """
    key = kept.key_of([*sources, *read], said("c++", "--version"), *_FLAGS, *flags, *linked)

    def make(folder: Path) -> None:
        includes = [f"-I{place}" for place in (ENGINE, CORE)]
        said("c++", *_FLAGS, *flags, *includes, *map(str, sources), "-o", str(folder / name), *linked)

    return kept.obtain(kept.root() / "bench" / f"{name}-{key}", make) / name


def said(*words: str) -> str:
    """Run a command at the repository's root, and return what it printed.

    Raises:
      subprocess.CalledProcessError: it failed; ``stderr`` says why.
    """
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, words, done.stdout, done.stderr)
    return done.stdout
