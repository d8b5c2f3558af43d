import subprocess
import sys
from pathlib import Path

import pytest
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


def test_nothing_is_left():
    before = open_descriptors()
    with Handover() as handover:
        handover.put("a", b"1")
        handover.add("b", in_memory("b", (b"2",)))
        with pytest.raises(FileExistsError):
            handover.put("b", b"3")
    assert not handover.path.exists()
    assert open_descriptors() == before
