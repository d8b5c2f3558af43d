"""A side's half of the conversation: a line of JSON asks, a line of JSON answers, until the input ends."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

Answer = Callable[[str, Mapping[str, Any]], dict[str, Any]]


def serve(make: Callable[[], Answer]) -> None:
    """Answer requests.

    TensorFlow and its addons print; from here on what they print goes to stderr, lest it be taken for an answer.

    Args:
      make: loads what it needs and returns what answers; what it raises is told to whoever asks.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    answer = make()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            told = answer(request.pop("do"), request)
        except Exception as error:  # noqa: BLE001 - told to the asking process, which decides
            told = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(told) + "\n")
        answers.flush()
