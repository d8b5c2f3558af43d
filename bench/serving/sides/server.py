"""What every side has in common: a server in a process, that is asked over gRPC on loopback."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from bench.side import SideFailed

_PATIENCE = 120.0
_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Door:
    """Where a server is asked: the port on loopback, the method, and its bodies by rows of a request."""

    port: int
    path: str
    bodies: Mapping[int, Path]


class Server:
    """A process that serves, ended with the ``with`` block.

    Args:
      name: for messages.
      command: the program and its arguments.
      environment: all of it.
      log: where what it says goes.
      stdout: where its output goes, if not to the log.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, stdout: int | None = None
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log = log
        with log.open("wb") as said:
            self.process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                list(command),
                stdin=subprocess.PIPE,
                stdout=said if stdout is None else stdout,
                stderr=said,
                env=dict(environment),
                text=True,
            )

    def until(self, condition: Callable[[], bool], seconds: float = _PATIENCE) -> None:
        """Wait until a condition holds.

        Raises:
          SideFailed: it did not in time, or the server ended.
        """
        last = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                raise SideFailed(f"{self.name} ended with {self.process.returncode}; {self.log} has what it said")
            if time.monotonic() > last:
                raise SideFailed(f"{self.name} was not ready after {seconds:g} s; {self.log} has what it said")
            time.sleep(0.02)

    def close(self) -> None:
        """End it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def ask(port: int, path: str, body: bytes, seconds: float = 10.0) -> bytes:
    """Ask once, bytes in and out.

    Raises:
      grpc.RpcError: it did not answer, or refused.
    """
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call = channel.unary_unary(path, lambda data: data, lambda data: data)
        answer: bytes = call(body, timeout=seconds)
        return answer
