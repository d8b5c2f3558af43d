"""What the figures were measured on."""

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """Where a file of figures comes from.

    Attributes:
      name: of the bench.
      command: that measured.
      date: when it began, UTC, to the minute.
      commit: of the checkout; ``-dirty`` behind it says that tracked files beside BENCHMARKS.md differed.
      machine: processor, cores, memory, kernel.
      load: load averages over 1, 5 and 15 minutes when it began.
    """

    name: str
    command: str
    date: str
    commit: str
    machine: str
    load: tuple[float, float, float]


def describe(name: str, command: str) -> Run:
    """Describe the run that begins now."""
    return Run(
        name=name,
        command=command,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=_commit(),
        machine=machine(),
        load=os.getloadavg(),
    )


def machine() -> str:
    """Describe this machine in one line."""
    memory = int(_field("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    pages = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(encoding="utf-8")
    return (
        f"{os.cpu_count()} x {_field('/proc/cpuinfo', 'model name')}, {_vectors()}, {memory:.0f} GiB, "
        f"Linux {platform.release()}, huge pages {pages.split('[')[1].split(']')[0]}"
    )


def load() -> float:
    """Return the load average over one minute."""
    return os.getloadavg()[0]


@dataclass(frozen=True, slots=True)
class Times:
    """What all cores together have spent so far, seconds, and what the hypervisor kept from them meanwhile."""

    all: float
    stolen: float

    def stolen_since(self, before: "Times") -> float:
        """Return the share that was stolen since then, of 1; the kernel's counters may differ by a tick."""
        spent = self.all - before.all
        return min(max((self.stolen - before.stolen) / spent, 0.0), 1.0) if spent > 0 else 0.0


def times() -> Times:
    """Return the cores' times at this moment."""
    ticks = [int(each) for each in Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]]
    second = os.sysconf("SC_CLK_TCK")
    return Times(sum(ticks) / second, ticks[7] / second)


def _vectors() -> str:
    flags = _field("/proc/cpuinfo", "flags").split()
    return next((name for flag, name in [("avx512f", "AVX-512"), ("avx2", "AVX2")] if flag in flags), "no AVX2")


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _commit() -> str:
    changed = _git("diff", "--name-only", "HEAD", "--", ":/", ":(top,exclude)BENCHMARKS.md")
    return (_git("rev-parse", "--short", "HEAD") or "unknown") + ("-dirty" if changed else "")


def _git(*arguments: str) -> str:
    asked = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 - literals
    return asked.stdout.strip()
