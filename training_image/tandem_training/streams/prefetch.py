"""A thread per stream that reads ahead, so that training never waits for a source."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

import structlog
from tandem_wire.errors import StoreUnavailable
from tandem_wire.positions import Position

from tandem_training.errors import WorldError
from tandem_training.streams.base import RawSample, Reader, Source, advance

_LOG = structlog.get_logger(__name__)
_READ_SECONDS: Final = 0.2
_READ_LIMIT: Final = 512
_BACK_OFF: Final = (0.2, 0.5, 1.0, 2.0, 5.0)


class Prefetcher:
    """Reads a source into a bounded queue.

    A source that is away is opened again, with back-off, right after the last record that was queued, so that nothing
    is lost or read twice. A user's error ends the thread and is raised by the next ``poll``.

    Args:
      name: of the stream, for messages.
      source: to read.
      position: where to begin; None for the source's own start.
      capacity: samples that may wait.
      wake: set whenever samples were queued.
    """

    def __init__(
        self, name: str, source: Source, position: Position | None, capacity: int, wake: threading.Event
    ) -> None:
        self._name = name
        self._source = source
        self._position = position if position is not None else source.start()
        self._capacity = capacity
        self._wake = wake
        self._queue: deque[RawSample] = deque()
        self._room = threading.Condition()
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._at_end = False
        self._thread = threading.Thread(target=self._run, name=f"stream-{name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def poll(self, limit: int) -> list[RawSample]:
        """Return up to ``limit`` records without waiting.

        Raises:
          UserError: the stream can't be read until someone changes something.
        """
        with self._room:
            samples = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
            if not samples and self._error is not None:
                raise self._error
            self._room.notify()
        return samples

    @property
    def at_end(self) -> bool:
        """True when the source had nothing more and nothing is queued."""
        with self._room:
            return self._at_end and not self._queue

    @property
    def ahead(self) -> int:
        """Records queued."""
        return len(self._queue)

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        with self._room:
            self._room.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        tries = 0
        while not self._stop.is_set():
            reader: Reader | None = None
            try:
                reader = self._source.open(self._position)
                while not self._stop.is_set():
                    self._enqueue(reader.read(_READ_LIMIT, _READ_SECONDS), reader)
                    tries = 0
            except (WorldError, StoreUnavailable) as error:
                pause = _BACK_OFF[min(tries, len(_BACK_OFF) - 1)]
                if tries == 0:
                    _LOG.warning("stream unavailable, trying again", stream=self._name, error=str(error))
                tries += 1
                self._stop.wait(pause)
            except Exception as error:  # noqa: BLE001 - whatever it is, the training thread raises it
                with self._room:
                    self._error = error
                self._wake.set()
                return
            finally:
                if reader is not None:
                    reader.close()

    def _enqueue(self, samples: Sequence[RawSample], reader: Reader) -> None:
        with self._room:
            self._at_end = reader.at_end and not samples
            if not samples:
                return
            self._position = advance(self._position, [sample.cursor for sample in samples])
            self._queue.extend(samples)
            self._wake.set()
            while len(self._queue) >= self._capacity and not self._stop.is_set():
                self._room.wait(1.0)
