import errno
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tandem_serving import cache as module
from tandem_serving.cache import Cache, CacheOptions, configured
from tandem_serving.errors import ConfigError
from tandem_wire.errors import Refused
from tandem_wire.objects import put_objects
from tandem_wire.records import Part

from tests.serving.fragile_store import AWAY, FragileStore
from tests.serving.lineage_writer import flip


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def cache_of(folder, most=1000, free=0, unkept=lambda: None):
    return Cache(CacheOptions(folder, most, free), unkept)


def put(store, name, data):
    return put_objects(store, "uid", "base", {(Part.SERVING, name): data})[0]


def read(descriptor):
    try:
        return os.pread(descriptor, 1 << 20, 0)
    finally:
        os.close(descriptor)


def opened(cache, store, ref):
    return read(cache.open(store, ref, "checkpoints/3"))


def test_what_was_read_once_needs_no_store(store, folder):
    fragile = FragileStore(store)
    ref = put(store, "a", b"rows")
    counted = []
    assert opened(cache_of(folder, unkept=lambda: counted.append(1)), fragile.store, ref) == b"rows"
    assert not counted
    fragile.error = AWAY
    assert opened(cache_of(folder), fragile.store, ref) == b"rows"


@pytest.mark.parametrize("piece", [1, 7, 100, 101])
def test_an_object_of_several_pieces_is_kept_and_read_whole(store, folder, monkeypatch, piece):
    monkeypatch.setattr(module, "_PIECE", piece)
    monkeypatch.setattr(module, "_DIGEST_PIECE", piece)
    fragile = FragileStore(store)
    ref = put(store, "rows", bytes(range(100)))
    assert opened(cache_of(folder), fragile.store, ref) == bytes(range(100))
    fragile.error = AWAY
    assert opened(cache_of(folder), fragile.store, ref) == bytes(range(100))


@pytest.mark.parametrize("damage", [b"row", b"rowS", b"", b"rows and more"])
def test_damage_on_the_disk_is_healed_from_the_store(store, folder, damage):
    ref = put(store, "a", b"rows")
    assert opened(cache_of(folder), store, ref) == b"rows"
    (folder / ref.sha256).write_bytes(damage)
    assert opened(cache_of(folder), store, ref) == b"rows"
    assert (folder / ref.sha256).read_bytes() == b"rows"


def test_what_the_store_altered_is_refused_and_not_kept(store, folder):
    ref = put(store, "a", b"rows")
    flip(store, ref.key)
    with pytest.raises(Refused, match="checkpoints/3: digest of a is"):
        opened(cache_of(folder), store, ref)
    assert not list(folder.glob("*"))


def test_what_was_not_used_for_longest_leaves(store, folder):
    cache = cache_of(folder, most=30)
    refs = [put(store, name, name.encode() * 10) for name in "abcd"]
    for age, ref in enumerate(refs[:3]):
        opened(cache, store, ref)
        os.utime(folder / ref.sha256, (age, age))
    opened(cache, store, refs[0])
    opened(cache, store, refs[3])
    assert {path.name for path in folder.iterdir()} == {refs[i].sha256 for i in (0, 2, 3)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 40)), max_size=20))
def test_the_bound_holds_and_every_read_is_whole(store, tmp_path_factory, reads):
    folder = tmp_path_factory.mktemp("cache")
    cache = cache_of(folder, most=64)
    for number, size in reads:
        data = bytes([number]) * size
        assert opened(cache, store, put(store, str(number), data)) == data
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 64


@pytest.mark.parametrize(("most", "free"), [(3, 0), (0, 0), (1000, 1 << 60)])
def test_what_does_not_fit_is_read_without_being_kept(store, folder, most, free):
    ref = put(store, "a", b"rows")
    counted = []
    cache = cache_of(folder, most, free, lambda: counted.append(1))
    assert opened(cache, store, ref) == b"rows"
    assert not list(folder.iterdir())
    assert len(counted) == bool(most)  # 0 bytes: no cache is wanted


def test_a_full_disk_is_said_once_and_costs_no_base(store, folder, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "write_all", full)
    counted = []
    cache = cache_of(folder, unkept=lambda: counted.append(1))
    for name in "ab":
        assert opened(cache, store, put(store, name, name.encode())) == name.encode()
    assert not list(folder.iterdir())
    assert len(counted) == 2
    said = [line for line in capsys.readouterr().out.splitlines() if "the cache of bases can't be used" in line]
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert "TANDEM_SERVING_CACHE" in said[0]


def test_a_folder_that_can_not_be_made_costs_no_base(store, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert opened(cache_of(tmp_path / "file" / "cache"), store, put(store, "a", b"rows")) == b"rows"


def test_folder_and_bound_come_from_the_environment(tmp_path):
    options = configured({"TANDEM_SERVING_CACHE": str(tmp_path), "TANDEM_SERVING_CACHE_BYTES": "0"})
    assert (options.folder, options.most_bytes) == (tmp_path, 0)
    assert configured({}).folder.name == "tandem-bases"
    with pytest.raises(ConfigError, match="TANDEM_SERVING_CACHE_BYTES is '8Gi'; it must be a number of bytes"):
        configured({"TANDEM_SERVING_CACHE_BYTES": "8Gi"})
