"""One side's process: ``python -m bench.ops.sides SIDE THREADS``."""

import sys

from bench.answering import Answer, serve


def _make() -> Answer:
    from bench.ops.sides.worker import Worker  # noqa: PLC0415 - loads TensorFlow, which prints

    return Worker(sys.argv[1], threads=int(sys.argv[2])).answer


serve(_make)
