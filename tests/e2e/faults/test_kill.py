import pytest

from e2e.demo.kube import Kube
from e2e.faults.kill import cut, main_process, unacknowledged

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


SOCKETS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0B00F40A:8A3C 0100600A:208D 01 00001F40:00000000 01:00000014 00000003 65532        0 2 2 0 20 4 0 10 -1
   2: 0B00F40A:8A3D 0100600A:208D 01 00000010:00000009 01:00000014 00000003 65532        0 3 2 0 20 4 0 10 -1
   3: 0B00F40A:8A3E 0100600A:208D 02 00000001:00000000 01:00000014 00000003 65532        0 4 2 0 20 4 0 10 -1
   4: 0B00F40A:8A3F 0200600A:2384 01 00000400:00000000 01:00000014 00000003 65532        0 5 2 0 20 4 0 10 -1
"""


@pytest.mark.parametrize(("port", "expected"), [(8333, 0x1F40 + 0x10), (9092, 0x400), (8500, 0)])
def test_what_is_on_its_way_is_summed_over_open_connections_to_the_port(tmp_path, port, expected):
    (tmp_path / "13" / "net").mkdir(parents=True)
    (tmp_path / "13" / "net" / "tcp").write_text(SOCKETS)
    assert unacknowledged(13, port, tmp_path) == expected


def test_the_network_of_another_cluster_is_not_cut():
    kube = Kube("kubectl", "helm", {}, own=False, namespace="n")
    with pytest.raises(ValueError, match="this machine's own cluster"), cut(kube, "10.0.0.0/8", "10.0.0.1", 8333):
        pass
