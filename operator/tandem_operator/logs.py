"""Logs: one JSON object per line, one line per event that matters; the libraries' own lines in the same form."""

import logging
import sys

import structlog

QUIET = ("kopf", "aiohttp.access", "botocore", "boto3", "urllib3", "asyncio", "kubernetes")
"""Libraries of which only warnings matter."""


def configure(level: str) -> None:
    """Set up logging of structlog and of the standard library.

    Args:
      level: debug, info, warning or error.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(sort_keys=True)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    render = structlog.processors.JSONRenderer(sort_keys=True)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    # kopf runs in a thread of its own and says that it therefore leaves signals alone, which is what is wanted.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
