import subprocess
import sys
from pathlib import Path

import pytest
from tandem_serving import handover as module
from tandem_serving.handover import Handover, in_memory


def open_descriptors():
    return set(Path("/proc/self/fd").iterdir())


def test_another_process_reads_what_was_put():
    with Handover() as handover:
        place = handover.put("a.safetensors", b"x" * 100_000)
        read = subprocess.run(
            [sys.executable, "-c", f"print(len(open({str(place)!r}, 'rb').read()))"], capture_output=True, check=True
        )
        assert read.stdout == b"100000\n"
        assert [each.name for each in handover.path.iterdir()] == ["a.safetensors"]


def test_a_full_disk_keeps_nobody_from_following(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_SHARED_MEMORY", tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "full"))
    with Handover() as handover:
        assert handover.path.parent == tmp_path


def test_where_shared_memory_can_not_be_written_the_folder_is_a_temporary_one(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_SHARED_MEMORY", tmp_path / "absent")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Handover() as handover:
        assert handover.path.parent == tmp_path


def test_nothing_is_left():
    before = open_descriptors()
    with Handover() as handover:
        handover.put("a", b"1")
        handover.add("b", in_memory("b", (b"2",)))
        with pytest.raises(FileExistsError):
            handover.put("b", b"3")
    assert not handover.path.exists()
    assert open_descriptors() == before
