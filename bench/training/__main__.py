"""The trainer's side: ``python -m bench.training THREADS``."""

import sys

from bench.answering import Answer, serve


def _make() -> Answer:
    from bench.training.worker import Worker  # noqa: PLC0415 - loads TensorFlow, which prints

    return Worker(threads=int(sys.argv[1])).answer


serve(_make)
