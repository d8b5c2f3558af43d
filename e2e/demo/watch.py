"""What a person sees: progress lines with the time since the start, and `kubectl get -w` as it comes."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.demo.kube import Kube
from e2e.demo.standing import Command, Standing


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
    """`kubectl get om NAME -w`: prints each line and keeps it."""

    def __init__(self, kube: Kube, name: str, screen: Screen) -> None:
        self.lines: list[str] = []
        self._screen = screen
        words = ("get", "om", name, "-w")
        self._kubectl = Standing(kube, Command(words, (*words, "--no-headers"), self._heed))

    def start(self) -> None:
        """Begin to watch."""
        self._kubectl.start()

    def stop(self) -> None:
        """End the watch."""
        self._kubectl.stop()

    def _heed(self, line: str) -> bool:
        self.lines.append(line)
        self._screen.print(f"    │ {line}")
        return True
