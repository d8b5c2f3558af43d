"""One control socket of the engine: JSON lines, each command answered before the next."""

import contextlib
import json
import socket
import threading
from collections.abc import Mapping
from typing import Any

from tandem_serving.errors import BadExport, BadUpdate, BuildError, EngineBug, EngineGone, NoRoom

_REFUSALS: Mapping[str, type[BuildError]] = {"BadExport": BadExport, "BadUpdate": BadUpdate, "NoRoom": NoRoom}


class Lane:
    """A socket pair; ``theirs`` is the engine's end. Any thread may ask."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._read = b""

    def ask(self, do: str, seconds: float | None, **fields: object) -> dict[str, Any]:
        """Give a command and wait for its answer, at most so long."""
        line = json.dumps({"do": do, **fields}).encode() + b"\n"
        with self._lock:
            try:
                self._ours.settimeout(seconds)
                self._ours.sendall(line)
                answer: dict[str, Any] = json.loads(self._line())
            except (OSError, ValueError) as error:
                # Whatever it answers later would be taken for the answer to the next command.
                self._ours.close()
                raise EngineGone(f"the engine gave no answer to {do!r}: {error or type(error).__name__}") from error
        if answer.get("ok") is True:
            return answer
        kind, why = str(answer.get("kind")), str(answer.get("why"))
        raise _REFUSALS.get(kind, EngineBug)(why)

    def close(self) -> None:
        """Hang up; who waits for an answer gets EngineGone."""
        with contextlib.suppress(OSError):  # the other side hung up before
            self._ours.shutdown(socket.SHUT_RDWR)
        self._ours.close()

    def _line(self) -> bytes:
        while b"\n" not in self._read:
            more = self._ours.recv(1 << 16)
            if not more:
                raise ConnectionResetError("it has ended")
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return line
