"""Our branch of the control groups, in trees made of plain folders."""

from pathlib import Path

from e2e.cluster import cgroups

HYBRID = """\
tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
proc /proc proc rw 0 0
"""


def test_hierarchies_of_both_versions():
    assert cgroups.hierarchies(HYBRID) == [Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup/unified")]


def test_every_process_below_our_branches_is_found_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(cgroups, "_mounted", lambda: [tmp_path / "memory", tmp_path / "pids"])
    for path, pids in (
        ("memory/tandem-a/kubepods/pod1/c1", "10\n11\n"),
        ("memory/tandem-a/kubepods", ""),
        ("pids/tandem-a", "12\n"),
        ("memory/tandem-b/kubepods", "99\n"),
        ("memory", "1\n"),
    ):
        folder = tmp_path / path
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath("cgroup.procs").write_text(pids)
    assert cgroups.pids("tandem-a") == {10, 11, 12}


def test_pods_weigh_more_than_one_process(tmp_path, monkeypatch):
    monkeypatch.setattr(cgroups, "_mounted", lambda: [tmp_path])
    tmp_path.joinpath("tandem-a").mkdir()
    tmp_path.joinpath("tandem-a", "cpu.shares").write_text("1024")
    cgroups.make("tandem-a")
    assert tmp_path.joinpath("tandem-a", "cpu.shares").read_text() == "8192"
    assert not tmp_path.joinpath("tandem-a", "cpu.weight").exists()


def test_a_version_2_tree_hands_its_controllers_down(tmp_path, monkeypatch):
    monkeypatch.setattr(cgroups, "_mounted", lambda: [tmp_path])
    tmp_path.joinpath("cgroup.controllers").write_text("cpu memory\n")
    tmp_path.joinpath("cgroup.subtree_control").write_text("")
    cgroups.make("tandem-a")
    assert tmp_path.joinpath("tandem-a").is_dir()
    assert tmp_path.joinpath("cgroup.subtree_control").read_text() == "+cpu +memory"


def test_branches_go_deepest_first(tmp_path, monkeypatch):
    monkeypatch.setattr(cgroups, "_mounted", lambda: [tmp_path])
    tmp_path.joinpath("tandem-a", "kubepods", "pod1").mkdir(parents=True)
    cgroups.remove("tandem-a")
    assert cgroups.branches("tandem-a") == []
