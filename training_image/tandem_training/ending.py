"""The wish to end: SIGTERM and SIGINT, heard from the first instant on.

A container's first process gets no signal that it has no handler for, and importing TensorFlow takes seconds: without
an early handler a pod that is deleted right after its start would train until it is killed.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Final

STOP: Final = threading.Event()


def listen() -> None:
    """Set ``STOP`` at the first signal; call it from the main thread."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)


def _end(_signal: int, _frame: FrameType | None) -> None:
    STOP.set()
