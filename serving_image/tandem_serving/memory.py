"""How much memory this container may still take, so that a base that does not fit is refused, not the pod killed."""

from pathlib import Path

_V2 = Path("/sys/fs/cgroup")
_V1 = Path("/sys/fs/cgroup/memory")
_NO_LIMIT = 1 << 50
"""What cgroup v1 writes for no limit is above this."""


def room(v2: Path = _V2, v1: Path = _V1) -> int | None:
    """Return the bytes that are left below the container's limit; None where there is no limit to be read.

    Pages of files that the kernel would drop first count as free.
    """
    for folder, limit, used, dropped in (
        (v2, "memory.max", "memory.current", "inactive_file"),
        (v1, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            most = (folder / limit).read_text().strip()
            taken = int((folder / used).read_text())
            free = _stat((folder / "memory.stat").read_text(), dropped)
        except (OSError, ValueError):
            continue
        if not most.isdigit() or int(most) >= _NO_LIMIT:
            return None
        return max(0, int(most) - taken + free)
    return None


def _stat(text: str, name: str) -> int:
    values = dict(line.split(maxsplit=1) for line in text.splitlines() if " " in line)
    return int(values.get(name, 0))
