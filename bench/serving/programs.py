"""The programs in C++ that the serving bench asks with and compares with."""

import shlex
from functools import cache
from pathlib import Path

from bench.programs import ENGINE, compiled, said

NATIVE = Path(__file__).parent / "native"


@cache
def program(name: str) -> Path:
    """Return a program: ``load``, ``empty`` or ``gemm`` of ``native/``.

    Raises:
      subprocess.CalledProcessError: it does not compile; ``make packages`` installs what it needs.
    """
    linked = {"load": [], "empty": [], "gemm": ["-ldnnl"]}[name]
    if name == "empty":
        linked = shlex.split(said("pkg-config", "--cflags", "--libs", "grpc++"))
    read = [*sorted(NATIVE.glob("*.h")), ENGINE / "door" / "byte_service.h"]
    return compiled(name, [NATIVE / f"{name}.cc"], read=read, flags=["-O2"], linked=linked)
