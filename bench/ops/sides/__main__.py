"""One side's process: a line of JSON asks, a line of JSON answers, until the input ends."""

import json
import os
import sys
from typing import IO

# TensorFlow and its addons print: what they print must not be taken for an answer.
_ANSWERS: IO[str] = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from bench.ops.sides.worker import Worker  # noqa: E402 - after the redirection above


def main() -> None:
    """Serve requests."""
    worker = Worker(sys.argv[1], threads=int(sys.argv[2]))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = worker.answer(request.pop("do"), request)
        except Exception as error:  # noqa: BLE001 - told to the asking process, which decides
            answer = {"error": f"{type(error).__name__}: {error}"}
        _ANSWERS.write(json.dumps(answer) + "\n")
        _ANSWERS.flush()


main()
