"""The cluster's own processes: started apart from any terminal, recorded with their start time, ended by exactly that.

A pid alone proves nothing: after every process was killed at once, another program may have it. The kernel's start
time (in ticks since boot) together with the boot's id names a process for ever.
"""

import json
import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from e2e.cluster.errors import NotReadyError

PROC = Path("/proc")
START_TIME_FIELD = 19  # of /proc/PID/stat, counted after the command's closing parenthesis
DEAD_STATES = frozenset("ZX")


@dataclass(frozen=True, slots=True)
class Record:
    """One started process, as it is written down."""

    name: str
    pid: int
    started: int
    boot: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One process of the machine, as /proc shows it."""

    pid: int
    started: int
    state: str
    command: str

    @property
    def alive(self) -> bool:
        """Whether it runs; a zombie that nobody has reaped does not."""
        return self.state not in DEAD_STATES


def boot_id(proc: Path = PROC) -> str:
    """Return the id that the kernel drew at boot."""
    return proc.joinpath("sys/kernel/random/boot_id").read_text().strip()


def entry(pid: int, proc: Path = PROC) -> Entry | None:
    """Return one process, or nothing if there is none (any more)."""
    try:
        stat = proc.joinpath(str(pid), "stat").read_text(errors="replace")
        command = proc.joinpath(str(pid), "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return Entry(
        pid, int(fields[START_TIME_FIELD]), fields[0], command.replace(b"\0", b" ").decode(errors="replace").strip()
    )


def table(proc: Path = PROC) -> dict[int, Entry]:
    """Return all processes by pid."""
    seen = (entry(int(folder.name), proc) for folder in proc.iterdir() if folder.name.isdecimal())
    return {one.pid: one for one in seen if one is not None}


def is_same(record: Record, seen: Entry | None, boot: str) -> bool:
    """Tell whether ``seen`` is the recorded process and runs."""
    return seen is not None and seen.alive and seen.started == record.started and record.boot == boot


def read_records(file: Path) -> dict[str, Record]:
    """Return what was written down, by name; nothing if there is no file or it was torn by a crash."""
    try:
        return {item["name"]: Record(**item) for item in json.loads(file.read_text())}
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return {}


def write_records(file: Path, records: Iterable[Record]) -> None:
    """Write down, whole or not at all."""
    scratch = file.with_suffix(".new")
    scratch.write_text(json.dumps([asdict(record) for record in records], indent=1) + "\n")
    scratch.rename(file)


def start(name: str, argv: Sequence[str | Path], log: Path, env: Mapping[str, str]) -> Record:
    """Start a process in a session of its own, with its output in ``log``, and return its record."""
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in argv]
    pid = os.posix_spawnp(
        words[0],
        words,
        env,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigdef=[signal.SIGPIPE],  # Python ignores it, and ignoring is inherited
    )
    seen = entry(pid)
    if seen is None:
        raise NotReadyError(f"{name}: ended at once; its words are in {log}")
    return Record(name, pid, seen.started, boot_id())


def end(records: Iterable[Record], *, grace: float) -> None:
    """Ask the recorded processes to end, and kill those that have not after ``grace`` seconds."""
    boot = boot_id()
    waiting = [record for record in records if is_same(record, entry(record.pid), boot)]
    for record in waiting:
        _signal(record.pid, signal.SIGTERM)
    limit = time.monotonic() + grace
    while waiting and time.monotonic() < limit:
        time.sleep(0.05)
        waiting = [record for record in waiting if _still_there(record, boot)]
    kill([record.pid for record in waiting if _still_there(record, boot)])


def kill(pids: Iterable[int]) -> None:
    """Kill processes that were just found to be ours, and wait until they are gone."""
    waiting = list(pids)
    for pid in waiting:
        _signal(pid, signal.SIGKILL)
    limit = time.monotonic() + 10
    while waiting and time.monotonic() < limit:
        waiting = [pid for pid in waiting if (seen := _reaped(pid)) is not None and seen.alive]
        time.sleep(0.02)


def _still_there(record: Record, boot: str) -> bool:
    return is_same(record, _reaped(record.pid), boot)


def _reaped(pid: int) -> Entry | None:
    """Look at a process, after collecting it if it was our own child and has ended."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return entry(pid)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
