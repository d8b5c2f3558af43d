"""Trying again while the store is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from tandem_wire.errors import StoreUnavailable

_LOG = structlog.get_logger(__name__)
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 4.0)

T = TypeVar("T")


def patiently(call: Callable[[], T], wait: Callable[[float], bool], *, doing: str, tries: int | None = 30) -> T:
    """Call until the store answers.

    Args:
      call: what to do; it must bear being done twice.
      wait: waits for so many seconds; True means that somebody wants an end.
      doing: for the log.
      tries: the most, about two minutes' worth; None for no bound.

    Raises:
      StoreUnavailable: still away after all tries, or told to end.
    """
    done = 0
    while True:
        try:
            return call()
        except StoreUnavailable as error:
            done += 1
            if done == 1:
                _LOG.warning("store unavailable, trying again", doing=doing, error=str(error))
            if (tries is not None and done >= tries) or wait(_PAUSES[min(done - 1, len(_PAUSES) - 1)]):
                raise
