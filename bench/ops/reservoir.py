"""Memory that this machine has and not only its hypervisor: held by a process, and let go as another one grows.

A virtual machine may hand freed pages back to its host (free page reporting); who touches them next waits for the
host, here thirty times as long as for the kernel's zeroing of a page that is there. So what is measured after a pause
is the host. A reservoir touches memory before, and frees it just ahead of the one that is measured, whose pages then
are there as they are on a machine of its own. They come from the system, zeroed, like any.
"""

import ctypes
import mmap
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

MIB = 2**20
HUGE_PAGE = 2 * MIB
STEP = 16 * MIB
LEAD = 192 * MIB
"""How far the reservoir frees ahead: what is taken in some tenths of a second, so that it is not handed back unused."""
PERIOD = 0.002


class Reservoir:
    """Holds memory until a process wants it.

    Args:
      size: bytes; at most half of what is available.
      pid: whose resident memory is watched from here on.
    """

    def __init__(self, size: int, pid: int) -> None:
        command = [sys.executable, "-m", "bench.ops.reservoir", str(min(size, available() // 2)), str(pid)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own
        assert self._process.stdout is not None  # noqa: S101 - Popen was told PIPE
        self._process.stdout.readline()  # it is full

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()


def available() -> int:
    """Return what memory the machine can give, bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


def due(resident: int, start: int, size: int) -> int:
    """Return how much of a reservoir is to be free by now, bytes.

    Example:
      >>> due(resident=100 * MIB, start=100 * MIB, size=1024 * MIB) // MIB, due(5000 * MIB, 0, 1024 * MIB) // MIB
      (192, 1024)
    """
    return min(size, max(0, resident - start) + LEAD)


def main(size: int, pid: int) -> None:
    """Fill, say so, and let go until the process ends."""
    memory = mmap.mmap(-1, size + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    first = -address % HUGE_PAGE
    ctypes.memset(address + first, 1, size)
    status = Path(f"/proc/{pid}/statm")
    start = _resident(status)
    sys.stdout.write("full\n")
    sys.stdout.flush()
    free = 0
    while (resident := _resident(status)) > 0:
        while free < due(resident, start, size):
            memory.madvise(mmap.MADV_DONTNEED, first + free, STEP)
            free += STEP
        time.sleep(PERIOD)


def _resident(status: Path) -> int:
    try:
        return int(status.read_text().split()[1]) * mmap.PAGESIZE
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main(int(sys.argv[1]) // STEP * STEP, int(sys.argv[2]))
