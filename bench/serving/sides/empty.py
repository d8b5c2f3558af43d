"""A gRPC server that does nothing but answer ours' bytes: the ceiling of any server."""

import os
import subprocess
from pathlib import Path

from bench.serving.programs import program
from bench.serving.sides.server import Server

FORMS = ("inline-1", "inline-2", "queued-1", "queued-2")
"""Who answers, and over how many completion queues."""


class Empty(Server):
    """It runs when made; ``port`` is where."""

    def __init__(self, form: str, answer: Path, trailer: str, log: Path) -> None:
        how, queues = form.split("-")
        command = [str(program("empty")), str(answer), trailer, how, queues]
        super().__init__(f"empty {form}", command, os.environ, log, subprocess.PIPE)
        assert self.process.stdout is not None  # noqa: S101 - Popen was told PIPE
        self.port = int(self.process.stdout.readline())
