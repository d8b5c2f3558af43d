"""``python -m tandem_serving``: read the configuration, serve until SIGTERM, end with a telling code."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import structlog
from tandem_wire.config import ServerConfig
from tandem_wire.errors import InvalidValue, WireError
from tandem_wire.report import Fault, Termination
from tandem_wire.store import open_store

from tandem_serving import cache
from tandem_serving.errors import ConfigError, EngineGone
from tandem_serving.server import Place, Server

_LOG = "TANDEM_TERMINATION_LOG"
"""Where to write the termination message instead, outside of a pod; the trainer knows the same variable."""
_log = structlog.get_logger(__name__)


def configured(environment: Mapping[str, str]) -> tuple[ServerConfig, str]:
    """Read the configuration and this pod's name.

    Raises:
      ConfigError: a variable is missing, or the configuration is not of its form.
    """
    text = environment.get(ServerConfig.VARIABLE)
    if not text:
        raise ConfigError(
            "MissingConfig",
            f"{ServerConfig.VARIABLE} is not set; it must hold a ServerConfig in JSON (training_image/wire/README.md)",
        )
    pod = environment.get("POD_NAME")
    if not pod:
        raise ConfigError("MissingConfig", "POD_NAME is not set; take it from metadata.name by the downward API")
    try:
        return ServerConfig.from_json(text), pod
    except InvalidValue as error:
        raise ConfigError("InvalidConfig", f"{ServerConfig.VARIABLE}: {error}") from error


async def serve(config: ServerConfig, place: Place) -> WireError | EngineGone | None:
    """Serve until SIGTERM or SIGINT; return the error that made it end, if one did."""
    server = Server(config, place)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.end)
    try:
        await server.start()
        return await server.wait()
    finally:
        await server.stop()


def main() -> int:
    """Run; return 0 when asked to end, 1 for the world's errors, 2 for the user's."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    try:
        config, pod = configured(os.environ)
        place = Place(pod, open_store(config.store), cache.configured(os.environ))
        fatal = asyncio.run(serve(config, place))
    except ConfigError as error:
        return _end(Termination(Fault.USER, error.reason, str(error)))
    except WireError as error:
        return _end(Termination.of(error))
    except EngineGone as error:
        return _end(_gone(error))
    except OSError as error:
        return _end(Termination(Fault.WORLD, "CannotListen", f"a port could not be opened: {error}"))
    if fatal is None:
        return 0
    return _end(_gone(fatal) if isinstance(fatal, EngineGone) else Termination.of(fatal))


def _gone(error: EngineGone) -> Termination:
    return Termination(Fault.WORLD, "EngineGone", str(error))


def _end(termination: Termination) -> int:
    """Tell the operator why, and the log."""
    _log.error("ended", kind=termination.kind.value, reason=termination.reason, message=termination.message)
    try:
        Path(os.environ.get(_LOG, Termination.PATH)).write_text(termination.to_json())
    except EngineGone as error:
        return _end(_gone(error))
    except OSError as error:
        _log.warning("the termination message could not be written; this is no pod", error=str(error))
    return termination.exit_code


def run() -> NoReturn:
    """End the process with the code of ``main``, without waiting for a base that is still being loaded."""
    code = main()
    sys.stdout.flush()
    # The interpreter's own ending is skipped: a daemon thread that is inside of TensorFlow or a socket would crash it.
    os._exit(code)


if __name__ == "__main__":
    run()
