import pytest
from tandem_serving.memory import room

STAT = "anon 100\ninactive_file 30\ntotal_inactive_file 40\n"


def cgroup(folder, **files):
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("limit", "used", "expected"), [("1000\n", "600\n", 430), ("max\n", "600\n", None), ("500\n", "600\n", 0)]
)
def test_version_2(tmp_path, limit, used, expected):
    folder = cgroup(tmp_path / "v2", memory__max=limit, memory__current=used, memory__stat=STAT)
    assert room(folder, tmp_path / "none") == expected


@pytest.mark.parametrize(("limit", "expected"), [("1000", 440), ("9223372036854771712", None)])
def test_version_1(tmp_path, limit, expected):
    files = {"memory__limit_in_bytes": limit, "memory__usage_in_bytes": "600", "memory__stat": STAT}
    assert room(tmp_path / "none", cgroup(tmp_path / "v1", **files)) == expected


def test_no_cgroup_no_limit(tmp_path):
    assert room(tmp_path / "none", tmp_path / "none") is None
