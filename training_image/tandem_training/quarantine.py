"""Records that were set aside, kept in the store so that a person can look at them."""

from __future__ import annotations

import base64
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from tandem_wire.codec import canonical
from tandem_wire.errors import WireError
from tandem_wire.layout import QUARANTINE
from tandem_wire.store import Store

_LOG = structlog.get_logger(__name__)
_BYTES_KEPT: Final = 4096
_LINES_WAITING: Final = 1000
_LINES_PER_OBJECT: Final = 500
_FLUSH_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One record set aside.

    Attributes:
      stream: it came from.
      position: right after it, as in a manifest.
      reason: a CamelCase word.
      data: its bytes, or None when there were none.
    """

    stream: str
    position: Mapping[str, object]
    reason: str
    data: bytes | None

    def line(self) -> bytes:
        """Return one line of JSON: position, reason, size, and at most the first 4 KiB in base64."""
        data = self.data or b""
        body = {
            "position": self.position,
            "reason": self.reason,
            "size": len(data),
            "data": base64.b64encode(data[:_BYTES_KEPT]).decode(),
        }
        return canonical(body) + b"\n"


class Quarantine:
    """Writes bad records as ``quarantine/{stream}/{uid}-{n}.jsonl`` in a thread of its own.

    At most a thousand wait; what comes while the store is away and they are full is counted by the caller but not
    kept, so that a flood of bad records takes neither memory nor time from training.

    Args:
      store: of the model.
      uid: of this writer.
    """

    def __init__(self, store: Store, uid: str) -> None:
        self._store = store
        self._uid = uid
        self._waiting: deque[BadRecord] = deque(maxlen=_LINES_WAITING)
        self._written = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quarantine", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def add(self, record: BadRecord) -> None:
        """Keep a record unless too many wait already."""
        with self._lock:
            if len(self._waiting) < _LINES_WAITING:
                self._waiting.append(record)

    def stop(self) -> None:
        """Write what waits, once, and end."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)

    def flush(self) -> None:
        """Write what waits.

        Raises:
          WireError: the store would not take it; it waits on.
        """
        with self._lock:
            records = list(self._waiting)[:_LINES_PER_OBJECT]
        for stream in sorted({record.stream for record in records}):
            lines = b"".join(record.line() for record in records if record.stream == stream)
            self._store.put(f"{QUARANTINE}{stream}/{self._uid}-{self._written}.jsonl", lines)
            self._written += 1
        with self._lock:
            for _ in records:
                self._waiting.popleft()

    def _run(self) -> None:
        while True:
            ending = self._stop.wait(_FLUSH_SECONDS)
            try:
                self.flush()
            except WireError as error:
                _LOG.warning("quarantine not written", error=str(error))
            if ending:
                return
