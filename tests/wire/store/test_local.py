"""The local directory, where it differs: several processes, files of its own, errors of the file system."""

import subprocess
import sys
from pathlib import Path

import pytest
from tandem_wire.config import StoreConfig
from tandem_wire.errors import NoSuchBucket
from tandem_wire.store import open_store
from tandem_wire.store.local import LocalStore

RACE = """
import sys
from pathlib import Path
from tandem_wire.errors import Conflict
from tandem_wire.store.local import LocalStore

store, wins = LocalStore(Path(sys.argv[1])), 0
print("ready", flush=True)
sys.stdin.readline()
for slot in range(40):
    try:
        store.put(f"slot/{slot}", sys.argv[2].encode(), create=True)
        wins += 1
    except Conflict:
        pass
for _ in range(25):
    while True:
        blob = store.get("count")
        try:
            store.put("count", str(int(blob.data) + 1).encode(), match=blob.etag)
            break
        except Conflict:
            continue
print(wins)
"""


def test_processes_share_a_directory(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("count", b"0")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path), str(i)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    wins = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert sum(wins) == 40
    assert store.get("count").data == b"50"


def test_nothing_of_its_own_is_listed_or_left(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"1", create=True)
    store.put("a", b"2")
    assert [entry.key for entry in store.list("")] == ["a"]
    assert sorted(path.name for path in (tmp_path / ".tandem").iterdir()) == ["lock"]


def test_a_url_opens_it(tmp_path: Path) -> None:
    store = open_store(StoreConfig(f"file://{tmp_path}/with%20space/store"))
    store.put("a", b"1")
    assert (tmp_path / "with space" / "store" / "a").read_bytes() == b"1"
    assert store.location == f"file://{tmp_path}/with space/store"


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NoSuchBucket, match=r"correct the store's url"):
        LocalStore(tmp_path / "file")
