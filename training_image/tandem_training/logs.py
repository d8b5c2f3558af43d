"""Structured logs: one JSON object per line on standard output."""

from __future__ import annotations

import logging
import os
import sys

import structlog


def configure() -> None:
    """Write JSON lines; ``TANDEM_LOG_LEVEL`` (INFO when absent) says from which level on."""
    level = logging.getLevelNamesMapping().get(os.environ.get("TANDEM_LOG_LEVEL", "INFO").upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
