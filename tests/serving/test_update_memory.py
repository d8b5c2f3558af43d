"""Memory that updates are read into: verified, used again, never under somebody's eyes."""

import contextlib
import gc
import hashlib
import os
from pathlib import Path

import pytest
from tandem_serving import update_memory as module
from tandem_serving.update_memory import UpdateMemory
from tandem_wire.errors import Refused
from tandem_wire.records import ObjectRef, Part

CALLED = "updates/3/1"


@pytest.fixture
def put(store):
    """Put bytes into the store; gives what a manifest says of them."""

    def put(data: bytes, digest: str = "") -> ObjectRef:
        key = f"objects/trainer/{len(data)}-{hashlib.sha256(data).hexdigest()[:8]}"
        store.put(key, data)
        return ObjectRef("a.safetensors", Part.SERVING, key, len(data), digest or hashlib.sha256(data).hexdigest())

    return put


def read_back(memory, data) -> bytes:
    """What the engine would read."""
    descriptor = memory.descriptor(data)
    assert descriptor is not None
    try:
        return Path(f"/proc/self/fd/{descriptor}").read_bytes()
    finally:
        os.close(descriptor)


def pages(memory, data) -> tuple[int, int]:
    """Which file it is."""
    descriptor = memory.descriptor(data)
    try:
        found = os.fstat(descriptor)
        return found.st_dev, found.st_ino
    finally:
        os.close(descriptor)


def test_one_file_serves_one_update_after_the_other(store, put):
    memory = UpdateMemory()
    seen = set()
    for size in (100_000, 5_000_000, 1, 9_000_000):
        content = os.urandom(size)
        data = memory.read(store, put(content), CALLED)
        assert bytes(data) == content == read_back(memory, data)
        assert memoryview(data).readonly
        seen.add(pages(memory, data))
        del data
    assert len(seen) == 1


def test_what_somebody_looks_at_stays_as_it_is(store, put):
    memory = UpdateMemory()
    contents = [os.urandom(50_000) for _ in range(4)]
    held = [memoryview(memory.read(store, put(each), CALLED))[10:] for each in contents]
    assert [bytes(view) for view in held] == [each[10:] for each in contents]
    third = memory.read(store, put(contents[0]), CALLED)  # both files are in use
    assert memory.descriptor(third) is None
    assert bytes(third) == contents[0]
    held.clear()
    again = memory.read(store, put(contents[1]), CALLED)
    assert read_back(memory, again) == contents[1]


def test_a_large_update_is_not_kept(store, put, monkeypatch):
    monkeypatch.setattr(module, "KEPT_BYTES", 1000)
    memory = UpdateMemory()
    assert memory.descriptor(memory.read(store, put(b"x" * 1000), CALLED)) is not None
    large = memory.read(store, put(b"y" * 1001), CALLED)
    assert isinstance(large, bytes)
    assert memory.descriptor(large) is None


def test_an_empty_object_is_read_too(store, put):
    assert UpdateMemory().read(store, put(b""), CALLED) == b""


@pytest.mark.parametrize("stored", [b"x" * 999, b"x" * 1001, b"y" * 1000])
def test_what_is_not_as_the_manifest_says_is_refused_and_the_next_is_read(store, put, stored):
    memory = UpdateMemory()
    good = put(b"x" * 1000)
    store.put(good.key + "-damaged", stored)
    damaged = ObjectRef(good.name, good.part, good.key + "-damaged", 1000, good.sha256)
    with pytest.raises(Refused, match=CALLED):
        memory.read(store, damaged, CALLED)
    assert read_back(memory, memory.read(store, good, CALLED)) == b"x" * 1000


def update_files() -> int:
    """How many descriptors of such files this process has."""
    gc.collect()
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists them
            found += each.readlink().name.startswith("memfd:update")
    return found


def test_files_are_closed_with_it(store, put):
    before = update_files()
    memory = UpdateMemory()
    data = memory.read(store, put(b"x" * 1000), CALLED)
    del memory
    assert bytes(data) == b"x" * 1000
    assert update_files() > before
    del data
    assert update_files() == before
