"""What happens at step boundaries: the swift update (README.md, M6)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

import structlog

from tandem_training.metrics import Metrics

_LOG = structlog.get_logger(__name__)
_FINISH_SECONDS: Final = 45.0

C = TypeVar("C")


class Swift(Protocol[C]):
    """What a swift update is made of; ``cut`` and ``sent`` run in the training thread, ``send`` in another."""

    def cut(self) -> C:
        """Copy one consistent state; the only part that training waits for."""
        ...

    def send(self, cut: C, wait: Callable[[float], bool]) -> None:
        """Make the cut durable; while the store is away try again, with ``wait`` between tries until it says True."""
        ...

    def sent(self, cut: C) -> None:
        """Note that the cut is durable."""
        ...


@dataclass(slots=True)
class _Sending(Generic[C]):
    cut: C
    began: float
    pause: float = 0.0
    gave_up: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class SyncSendSwiftHook(Generic[C]):
    """Cuts an update from one consistent state at a step boundary, and sends it while training goes on.

    With one worker the training thread is chief and worker in one: ``boundary`` is called between its steps, so that a
    cut made there is of exactly one step. One update is under way at a time. While the store is away the same cut is
    tried again and again and no new one is made: what changes meanwhile is in the next, so that nothing is lost and
    memory stays bounded.

    Args:
      swift: what to cut and where to send it.
      interval: seconds between cuts.
      metrics: pause and send times.
      clock: monotonic seconds.
    """

    def __init__(
        self, swift: Swift[C], interval: float, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._swift = swift
        self._interval = interval
        self._metrics = metrics
        self._clock = clock
        self._due = clock() + interval
        self._sending: _Sending[C] | None = None

    def boundary(self) -> None:
        """Collect an update that became durable, and cut the next when it is due.

        Raises:
          Exception: whatever ended the sending: fenced, overtaken, denied.
        """
        self._collect()
        if self._sending is None and self._clock() >= self._due:
            self.cut_now()

    def cut_now(self) -> None:
        """Cut at once and begin to send; nothing may be under way."""
        began = self._clock()
        # Whole intervals, so that the cuts keep their rhythm whatever a cut or a slow store took.
        self._due += self._interval * max(1, 1 + int((began - self._due) // self._interval))
        sending = _Sending(self._swift.cut(), began)
        sending.pause = self._clock() - began
        self._metrics.pause.observe(sending.pause)
        self._sending = sending
        threading.Thread(target=self._send, args=(sending,), name="swift", daemon=True).start()

    def finish(self, seconds: float = _FINISH_SECONDS) -> bool:
        """Publish the last update and wait for it.

        Args:
          seconds: the most to wait in all.

        Returns:
          Whether everything trained is durable; when not, the next writer trains the rest again from its positions.

        Raises:
          Exception: whatever ended the sending.
        """
        deadline = self._clock() + seconds
        if self._wait(deadline):
            self.cut_now()
            return self._wait(deadline)
        return False

    def wait(self, seconds: float) -> bool:
        """Wait for the update under way; True when none is."""
        return self._wait(self._clock() + seconds)

    def abandon(self) -> None:
        """Stop trying to send."""
        if self._sending is not None:
            self._sending.gave_up.set()
            self._sending.done.wait(1.0)
            self._sending = None

    def _wait(self, deadline: float) -> bool:
        if self._sending is not None and not self._sending.done.wait(max(0.0, deadline - self._clock())):
            self._sending.gave_up.set()
            return False
        self._collect()
        return True

    def _collect(self) -> None:
        sending = self._sending
        if sending is None or not sending.done.is_set():
            return
        self._sending = None
        if sending.error is not None:
            raise sending.error
        seconds = self._clock() - sending.began
        self._metrics.send.observe(seconds)
        _LOG.info("update sent", pauseMs=round(sending.pause * 1000, 2), seconds=round(seconds, 3))
        self._swift.sent(sending.cut)

    def _send(self, sending: _Sending[C]) -> None:
        try:
            self._swift.send(sending.cut, sending.gave_up.wait)
        except Exception as error:  # noqa: BLE001 - the training thread raises it at its next boundary
            sending.error = error
        finally:
            sending.done.set()
