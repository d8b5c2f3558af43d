"""Wiring: environment in, exit code out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# TensorFlow reads these when it is imported: no warnings, which would hold the bytes of malformed samples, and the
# same bits on every CPU.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = max("2", os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"))
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import structlog
import tensorflow as tf
from tandem_wire.config import Role, TrainerConfig
from tandem_wire.errors import InvalidValue, WireError
from tandem_wire.report import Fault, Termination
from tandem_wire.store import open_store

from tandem_training import logs
from tandem_training.ending import STOP
from tandem_training.errors import SupersededError, TrainingError, UserError
from tandem_training.model_a import run_a
from tandem_training.model_b import run_b
from tandem_training.session import Job

_LOG = structlog.get_logger(__name__)
TERMINATION_PATH: Final = "TANDEM_TERMINATION_LOG"
THREADS: Final = "TANDEM_THREADS"


def main() -> int:
    """Run the trainer that the environment describes.

    Environment:
      TANDEM_TRAINER: ``TrainerConfig`` as JSON.
      TANDEM_TERMINATION_LOG: where the reason of a failure goes; ``/dev/termination-log`` when absent.
      TANDEM_THREADS: of TensorFlow; 1 when absent.
      TANDEM_LOG_LEVEL: INFO when absent.

    Returns:
      0 done, 1 the world's error (try again), 2 the user's error.
    """
    logs.configure()
    try:
        run(os.environ)
    except SupersededError as error:
        _LOG.info("a newer writer owns the log; this one ends", detail=str(error))
    except Exception as error:  # noqa: BLE001 - the process's last word
        return _terminate(describe(error), error)
    return 0


def run(environment: Mapping[str, str]) -> None:
    """Run the configured role to its end.

    Raises:
      UserError: the configuration is absent or does not fit.
    """
    text = environment.get(TrainerConfig.VARIABLE)
    if text is None:
        raise UserError("MissingConfig", f"{TrainerConfig.VARIABLE} is not set; give it a TrainerConfig as JSON")
    config = TrainerConfig.from_json(text)
    logs.identify(model=config.model, role=config.role.value, number=config.number)
    threads = int(environment.get(THREADS, "1"))
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if STOP.is_set():
        _LOG.info("asked to end before anything began")
        return
    job = Job(config=config, store=open_store(config.store), stop=STOP)
    job.metrics.serve(config.metrics_port)
    if config.role is Role.A:
        run_a(job)
    else:
        run_b(job)


def describe(error: Exception) -> Termination:
    """Say whose error it is, in a word and a sentence."""
    if isinstance(error, TrainingError):
        return Termination(Fault.USER if isinstance(error, UserError) else Fault.WORLD, error.reason, str(error))
    if isinstance(error, InvalidValue):
        return Termination(Fault.USER, error.reason, f"{TrainerConfig.VARIABLE}: {error}")
    if isinstance(error, WireError):
        return Termination.of(error)
    return Termination(Fault.WORLD, "Unexpected", f"{type(error).__name__}: {error}")


def _terminate(termination: Termination, error: Exception) -> int:
    expected = isinstance(error, TrainingError | WireError)
    _LOG.error(
        "ended by an error", reason=termination.reason, detail=termination.message, exc_info=None if expected else error
    )
    path = Path(os.environ.get(TERMINATION_PATH, Termination.PATH))
    try:
        path.write_text(termination.to_json())
    except OSError as failure:
        _LOG.warning("termination message not written", path=str(path), error=str(failure))
    return termination.exit_code
