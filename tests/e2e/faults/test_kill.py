import pytest

from e2e.demo.kube import Kube
from e2e.faults.kill import cut, main_process

UID = "1f0c-77"


def process(proc, number, name, inside, group):
    folder = proc / str(number)
    folder.mkdir()
    (folder / "cgroup").write_text(f"4:memory:{group}\n1:cpu:{group}\n")
    (folder / "status").write_text(f"Name:\t{name}\nPid:\t{number}\nNSpid:\t{number}\t{inside}\n")


def test_the_first_process_of_the_container_is_found(tmp_path):
    (tmp_path / "self").mkdir()
    process(tmp_path, 10, "pause", 1, f"/tandem/kubepods/pod{UID}/aa")
    process(tmp_path, 11, "python", 1, "/tandem/kubepods/podother/bb")
    process(tmp_path, 12, "python", 7, f"/tandem/kubepods/pod{UID}/cc")
    process(tmp_path, 13, "python", 1, f"/tandem/kubepods/pod{UID}/cc")
    (tmp_path / "14").mkdir()
    assert main_process(UID, tmp_path) == 13


def test_a_pod_without_a_process_has_none(tmp_path):
    process(tmp_path, 10, "pause", 1, f"/tandem/kubepods/pod{UID}/aa")
    assert main_process(UID, tmp_path) is None


def test_the_network_of_another_cluster_is_not_cut():
    kube = Kube("kubectl", "helm", {}, own=False, namespace="n")
    with pytest.raises(ValueError, match="this machine's own cluster"), cut(kube, "10.0.0.0/8", "10.0.0.1", 8333):
        pass
