"""What a person sees: progress lines with the time since the start, and `kubectl get -w` as it comes."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from e2e.demo.kube import Kube


class Screen:
    """Prints whole lines from any thread."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """One line with the seconds since the start."""
        self.print(f"[{time.monotonic() - self._began:6.1f}s] {text}")

    def print(self, text: str) -> None:
        """Text as it is."""
        with self._lock:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say when a step begins, and when it ended or failed and how long it took."""
        began = time.monotonic()
        self.say(f"{what} …")
        try:
            yield
        except BaseException:
            self.say(f"{what}: failed after {time.monotonic() - began:.1f}s")
            raise
        self.say(f"{what}: {time.monotonic() - began:.1f}s")


class Watcher:
    """`kubectl get om NAME -w` in a thread: prints each line and keeps it."""

    def __init__(self, kube: Kube, name: str, screen: Screen) -> None:
        self.lines: list[str] = []
        self._kube, self._name, self._screen = kube, name, screen
        self._stop = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stop.set()
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        # A watch ends when the API server closes it; a new one goes on.
        words = ["get", "om", self._name, "-w"]
        while not self._stop.is_set():
            with self._kube.stream(*words) as process:
                self._process = process
                for line in process.stdout or ():
                    self.lines.append(line.rstrip())
                    self._screen.print(f"    │ {line.rstrip()}")
            words = ["get", "om", self._name, "-w", "--no-headers"]
            self._stop.wait(1)
