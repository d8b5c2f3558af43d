"""Reading the process table, records that survive a crash, starting and ending."""

import os
from pathlib import Path

import pytest

from e2e.cluster import processes, shell
from e2e.cluster.processes import Entry, Record


def fake_proc(root: Path, pid: int, comm: str, *, started: int, argv: list[str]) -> None:
    """Write one process as the kernel shows it: 52 fields, the command in brackets, the start time as the 22nd."""
    folder = root / str(pid)
    folder.mkdir()
    fields = [str(pid), f"({comm})", "S", *["0"] * 18, str(started), *["0"] * 30]
    folder.joinpath("stat").write_text(" ".join(fields))
    folder.joinpath("cmdline").write_bytes(b"\0".join(word.encode() for word in argv) + b"\0")


@pytest.mark.parametrize("comm", ["etcd", "a b", "x) S 1 (y"])
def test_entry_reads_commands_with_blanks_and_brackets(tmp_path, comm):
    fake_proc(tmp_path, 7, comm, started=4711, argv=["/c/etcd", "--data-dir=/s/etcd"])
    assert processes.entry(7, tmp_path) == Entry(7, 4711, "S", "/c/etcd --data-dir=/s/etcd")


def test_table_holds_processes_only(tmp_path):
    fake_proc(tmp_path, 7, "etcd", started=1, argv=["etcd"])
    tmp_path.joinpath("meminfo").mkdir()
    tmp_path.joinpath("8").mkdir()  # ended while we looked
    assert list(processes.table(tmp_path)) == [7]


@pytest.mark.parametrize(("state", "alive"), [("S", True), ("R", True), ("D", True), ("Z", False), ("X", False)])
def test_alive(state, alive):
    assert Entry(1, 1, state, "").alive is alive


def test_records_come_back(tmp_path):
    file = tmp_path / "processes.json"
    records = [Record("etcd", 7, 4711, "b"), Record("kubelet", 8, 4712, "b")]
    processes.write_records(file, records)
    assert list(processes.read_records(file).values()) == records


@pytest.mark.parametrize("text", ["", "[", '[{"name": "etcd"}]', '{"etcd": 7}'])
def test_a_torn_file_counts_as_none(tmp_path, text):
    file = tmp_path / "processes.json"
    file.write_text(text)
    assert processes.read_records(file) == {}


def test_a_started_process_is_known_by_its_start_time_and_ends_when_asked(tmp_path):
    record = processes.start("sleeper", ["sleep", "60"], tmp_path / "logs" / "sleeper.log", os.environ)
    boot = processes.boot_id()
    assert processes.is_same(record, processes.entry(record.pid), boot)
    assert not processes.is_same(
        Record("sleeper", record.pid, record.started + 1, boot), processes.entry(record.pid), boot
    )
    processes.end([record], grace=5)
    assert not processes.is_same(record, processes.entry(record.pid), boot)


def test_what_does_not_end_when_asked_is_killed(tmp_path):
    log = tmp_path / "stubborn.log"
    stubborn = ["python3", "-uc", "import signal; signal.signal(15, signal.SIG_IGN); print('deaf'); signal.pause()"]
    record = processes.start("stubborn", stubborn, log, os.environ)
    shell.wait_until("deaf", lambda: "deaf" in log.read_text(), timeout=30)
    processes.end([record], grace=0.1)
    assert not processes.is_same(record, processes.entry(record.pid), processes.boot_id())


def test_another_program_with_a_recorded_pid_is_left_alone(tmp_path):
    record = processes.start("bystander", ["sleep", "60"], tmp_path / "log", os.environ)
    stale = Record("etcd", record.pid, record.started - 1, record.boot)
    processes.end([stale], grace=0.1)
    assert processes.is_same(record, processes.entry(record.pid), processes.boot_id())
    processes.end([record], grace=5)


def test_output_goes_to_the_log(tmp_path):
    log: Path = tmp_path / "say.log"
    processes.start("say", ["sh", "-c", "echo out; echo err >&2; sleep 60"], log, {"PATH": os.environ["PATH"]})
    shell.wait_until("both lines", lambda: log.read_text() == "out\nerr\n", timeout=30)
