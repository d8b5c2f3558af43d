"""A side is a process of its own that answers one line of JSON with another."""

import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

ROOT = Path(__file__).parent.parent


class SideFailed(RuntimeError):  # noqa: N818 - says what happened
    """A side answered with an error, or ended."""


class SideProcess:
    """Starts a side, asks it, and ends it.

    Args:
      name: for messages.
      command: the program and its arguments; it reads requests from stdin and writes answers to stdout.
      environment: on top of this process's.
      log: what the side writes to stderr goes there.
      patience: seconds that an answer may take; then the side is ended.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, patience: float = 600.0
    ) -> None:
        self.name = name
        self._patience = patience
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **environment},
                cwd=ROOT,
                text=True,
            )

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
          SideFailed: the side refused, ended, or took longer than its patience.
        """
        timer = threading.Timer(self._patience, self._process.kill)
        timer.start()
        try:
            self._pipe(self._process.stdin).write(json.dumps({"do": do, **arguments}) + "\n")
            self._pipe(self._process.stdin).flush()
            line = self._pipe(self._process.stdout).readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            raise SideFailed(f"{self.name} ended while it did {do!r}; {self._log} has what it said")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SideFailed(f"{self.name} could not do {do!r}: {answer['error']}")
        return answer

    def close(self) -> None:
        """End the side: it leaves when its input ends."""
        self._pipe(self._process.stdin).close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe(self._process.stdout).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @staticmethod
    def _pipe(stream: IO[str] | None) -> IO[str]:
        assert stream is not None  # noqa: S101 - Popen was told PIPE
        return stream
