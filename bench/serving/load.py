"""Asks a server by the compiled client ``native/load.cc``, in a closed or an open loop."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.serving.programs import program
from bench.side import SideFailed

CONNECTIONS, STREAMS = 8, 4
_SPARE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a run; seconds. ``answered`` counts within the time, ``failed`` and ``open`` at all."""

    answered: int
    failed: int
    open: int
    seconds: float
    p50: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class Way:
    """Whom to ask: the port on loopback, the method, and the file of bodies."""

    port: int
    path: str
    bodies: Path


def closed(way: Way, seconds: float) -> Loaded:
    """Ask with 8 connections x 4 calls open at any time.

    Raises:
      SideFailed: a call failed.
    """
    return _run(way, [str(CONNECTIONS), str(STREAMS), f"{seconds:g}"])


def opened(way: Way, seconds: float, rate: float, record: Path | None = None) -> Loaded:
    """Ask at fixed times, latencies counted from when calls were due.

    Raises:
      SideFailed: a call failed, or got no answer.
    """
    return _run(way, opening(seconds, rate, record))


def opening(seconds: float, rate: float, record: Path | None) -> list[str]:
    """The client's arguments of an open loop."""
    words = [str(CONNECTIONS), str(STREAMS), f"{seconds:g}", f"{rate:g}"]
    return words if record is None else [*words, str(record)]


def start(way: Way, words: list[str]) -> "subprocess.Popen[str]":
    """Start the client; its output is what :func:`told` reads."""
    command = [str(program("load")), str(way.port), way.path, str(way.bodies), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 - ours


def told(client: "subprocess.Popen[str]", seconds: float) -> Loaded:
    """Wait for a client and read what it tells.

    Raises:
      SideFailed: see above.
    """
    try:
        out, errors = client.communicate(timeout=seconds + _SPARE_SECONDS)
    except subprocess.TimeoutExpired as error:
        client.kill()
        raise SideFailed(f"the client did not end {_SPARE_SECONDS:g} s after its time") from error
    if client.returncode != 0:
        raise SideFailed(f"the client ended with {client.returncode}: {errors.strip()}")
    found = Loaded(**json.loads(out))
    if found.failed or found.open or not found.answered:
        raise SideFailed(
            f"of the calls {found.answered} were answered, {found.failed} failed, {found.open} got no answer"
        )
    return found


def _run(way: Way, words: list[str]) -> Loaded:
    return told(start(way, words), float(words[2]))
