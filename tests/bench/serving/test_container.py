"""Memory of processes, in a cgroup where one can be made."""

import subprocess
import sys

from bench.serving.container import Container, container

BYTES = 64 << 20
HOLD = f"held = bytearray({BYTES}); held[::4096] = b'x' * len(held[::4096]); print(flush=True); input()"


def holding(inside):
    return subprocess.Popen(
        [*inside.enter(), sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def end(process):
    process.communicate(b"\n")
    assert process.returncode == 0


def check(inside):
    before = inside.used()
    with inside.peak() as peak, holding(inside) as process:
        inside.processes = lambda: [process.pid]
        process.stdout.readline()
        assert inside.used() - before > BYTES
        while peak() - before <= BYTES:  # the test's time limit ends it
            assert process.poll() is None
        end(process)
    assert peak() - before > BYTES


def test_memory_is_counted():
    with container() as inside:
        check(inside)


def test_without_a_cgroup_it_is_counted_by_process():
    check(Container())
