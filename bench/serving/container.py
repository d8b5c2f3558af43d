"""A container for a pod's processes, so that their memory is counted as Kubernetes counts it, page cache included.

A cgroup of its own, version 2 or 1, where this process may make one; elsewhere the sum of the processes' PSS, which
leaves out pages of files that nobody maps.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_EVERY_SECONDS = 0.02


class Container:
    """Where a pod runs, and what memory it takes.

    Args:
      folder: the cgroup; None: there is none.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self.processes: Callable[[], Sequence[int]] = tuple
        """The pod's processes, once there are any."""

    @property
    def how(self) -> str:
        """How memory is counted, for settings."""
        return "cgroup, page cache included" if self._folder else "sum of PSS, sampled; page cache only where mapped"

    def enter(self) -> list[str]:
        """What to put before a command so that it runs inside."""
        if self._folder is None:
            return []
        return ["/bin/sh", "-c", f'echo $$ > {self._folder / "cgroup.procs"} && exec "$@"', "sh"]

    def used(self) -> int:
        """Bytes at this moment."""
        if self._folder is None:
            return sum(map(_pss, self.processes()))
        for name in ("memory.current", "memory.usage_in_bytes"):
            if (self._folder / name).exists():
                return int((self._folder / name).read_text())
        raise FileNotFoundError(f"{self._folder} has no file that says how much memory is used")

    @contextmanager
    def peak(self) -> Iterator[Callable[[], int]]:
        """Look again and again while the body runs; the result tells the most bytes that were seen."""
        most = self.used()
        done = threading.Event()

        def look() -> None:
            nonlocal most
            while not done.wait(_EVERY_SECONDS):
                most = max(most, self.used())

        watch = threading.Thread(target=look, name="memory", daemon=True)
        watch.start()
        try:
            yield lambda: most
        finally:
            done.set()
            watch.join()


@contextmanager
def container() -> Iterator[Container]:
    """Make a container; it is removed when its processes have ended."""
    folder = next(filter(None, map(_make, (_ROOT / "memory", _ROOT))), None)
    try:
        yield Container(folder)
    finally:
        if folder is not None:
            _remove(folder)


def _make(parent: Path) -> Path | None:
    folder = parent / f"tandem-bench-{secrets.token_hex(4)}"
    try:
        folder.mkdir()
    except OSError:
        return None
    if any((folder / name).exists() for name in ("memory.current", "memory.usage_in_bytes")):
        return folder
    folder.rmdir()
    return None


def _remove(folder: Path) -> None:
    last = time.monotonic() + 10
    while True:
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > last:
                raise
            time.sleep(0.05)
        else:
            return


def _pss(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
