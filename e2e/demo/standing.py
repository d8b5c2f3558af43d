"""A kubectl command without an end (a watch, a port-forward): started again whenever it ends, until it is stopped."""

import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from e2e.demo.kube import Kube


@dataclass(frozen=True, slots=True)
class Command:
    """What is run.

    Attributes:
      words: of kubectl, the first time.
      again: of kubectl, whenever it is started again.
      heed: takes each line that it says, from the command's thread; False ends it, so that it is started again.
    """

    words: Sequence[str]
    again: Sequence[str]
    heed: Callable[[str], bool]


class Standing:
    """Runs one command in a thread of its own from ``start`` to ``stop``."""

    def __init__(self, kube: Kube, command: Command, pause: float = 0.5) -> None:
        self._kube, self._command, self._pause = kube, command, pause
        self._stop = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name=f"kubectl {command.words[0]}", daemon=True)

    def start(self) -> None:
        """Begin; a second call changes nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """End the command; a second call changes nothing."""
        self._stop.set()
        if self._process is not None:
            self._process.terminate()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        words = self._command.words
        while not self._stop.is_set():
            with self._kube.stream(*words) as process:
                self._process = process
                # Whoever stops it before this line finds no process to end, and after it does.
                if self._stop.is_set():
                    return
                for line in process.stdout or ():
                    if not self._command.heed(line.rstrip()):
                        break
            words = self._command.again
            self._stop.wait(self._pause)
