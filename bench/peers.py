"""Python environments of peers whose dependencies clash with ours, under build/bench/peers."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from bench.side import ROOT

FOLDER = ROOT / "build" / "bench" / "peers"


def python_of(peer: str) -> Path:
    """Return the interpreter of a peer's environment, making the environment if its pins changed or it is not there.

    Args:
      peer: ``requirements/bench-PEER.txt`` has its pins, with hashes.

    Raises:
      subprocess.CalledProcessError: uv could not make it; its own message is on stderr.
    """
    pins = ROOT / "requirements" / f"bench-{peer}.txt"
    home = FOLDER / peer
    python = home / "bin" / "python"
    stamp = home / "pins"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    uv = str(Path(sys.executable).parent / "uv")
    make = [uv, "venv", "--quiet", "--clear", "--python", "3.11", str(home)]
    fill = [uv, "pip", "sync", "--quiet", "--require-hashes", "--no-build", "--python", str(python), str(pins)]
    for command in (make, fill):
        # Inside networks whose proxy has its own CA, uv must trust the system's certificates, as in the Makefile.
        environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}
        subprocess.run(command, check=True, cwd=ROOT, env=environment)  # noqa: S603 - our own arguments
    stamp.write_text(digest)
    return python
