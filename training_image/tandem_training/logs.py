"""Structured logs: one JSON object per line on standard output."""

from __future__ import annotations

import logging
import os
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

_IDENTITY: dict[str, object] = {}


def identify(**fields: object) -> None:
    """Put these fields into every line from now on, whatever thread writes it."""
    _IDENTITY.update(fields)


def _identified(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {**_IDENTITY, **event}


def configure() -> None:
    """Write JSON lines; ``TANDEM_LOG_LEVEL`` (INFO when absent) says from which level on."""
    level = logging.getLevelNamesMapping().get(os.environ.get("TANDEM_LOG_LEVEL", "INFO").upper(), logging.INFO)
    structlog.configure(
        processors=[
            _identified,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
