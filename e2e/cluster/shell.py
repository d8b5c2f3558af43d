"""The only way this package runs a program to its end: an argument list, a time limit, its own words on failure."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from e2e.cluster.errors import CommandFailedError, MissingProgramError, NotReadyError

TAIL_LINES = 20


def run(
    argv: Sequence[object],
    *,
    timeout: float = 60,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> str:
    """Run one program to its end and return its standard output.

    Args:
      argv: the program and its arguments (strings and paths); never a shell's line.
      timeout: seconds after which the program is ended.
      cwd: folder to run it in.
      env: variables set on top of this process's own.
      stdin: text for its standard input.

    Raises:
      MissingProgramError: there is no such program.
      CommandFailedError: it ended with a status other than zero, or took too long.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **env} if env else None,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise MissingProgramError(
            f"{words[0]}: no such program on this machine. Install it, or correct PATH."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(f"{describe(words)}: gave no result within {timeout:.0f} s") from error
    if done.returncode:
        raise CommandFailedError(f"{describe(words)}: status {done.returncode}\n{tail(done.stderr or done.stdout)}")
    return done.stdout


def succeeds(argv: Sequence[object], *, timeout: float = 60) -> bool:
    """Run one program for its status alone; a missing program counts as a failure."""
    try:
        run(argv, timeout=timeout)
    except (CommandFailedError, MissingProgramError):
        return False
    return True


def wait_until(what: str, holds: Callable[[], bool], *, timeout: float, interval: float = 0.2) -> None:
    """Look again and again until ``holds()``.

    Raises:
      NotReadyError: it did not hold within ``timeout`` seconds; the message begins with ``what``.
    """
    end = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > end:
            raise NotReadyError(f"{what}: not so after {timeout:.0f} s")
        time.sleep(interval)


def describe(words: Sequence[str]) -> str:
    """Shorten a command line for a message."""
    line = " ".join(words)
    limit = 160
    return line if len(line) <= limit else line[:limit] + " …"


def tail(text: str) -> str:
    """Keep the last lines of a program's words, indented."""
    return "\n".join("    " + line for line in text.strip().splitlines()[-TAIL_LINES:])
