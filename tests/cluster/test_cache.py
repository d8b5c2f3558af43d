"""The cache: keyed by content, whole or absent, made once."""

import threading
from pathlib import Path

import pytest

from e2e.cluster import cache
from e2e.cluster.errors import NoSpaceError


def test_a_key_depends_on_names_contents_order_and_words(tmp_path):
    one, other = tmp_path / "go.mod", tmp_path / "go.sum"
    one.write_text("a")
    other.write_text("b")
    keys = {
        cache.key_of([one, other]),
        cache.key_of([other, one]),
        cache.key_of([one]),
        cache.key_of([one, other], "-s"),
        cache.key_of([one, other], "-", "s"),
    }
    assert len(keys) == 5
    before = cache.key_of([one])
    one.write_text("a ")
    assert cache.key_of([one]) != before


def test_what_fails_half_way_leaves_nothing(tmp_path):
    def make(folder):
        folder.joinpath("half").write_text("")
        raise RuntimeError

    place = tmp_path / "things" / "one"
    with pytest.raises(RuntimeError):
        cache.obtain(place, make)
    assert [entry.name for entry in place.parent.iterdir()] == [".lock"]


def test_what_a_killed_maker_left_is_cleared(tmp_path):
    place = tmp_path / "one"
    tmp_path.joinpath(f"{cache.SCRATCH}dead").mkdir()
    cache.obtain(place, lambda folder: folder.joinpath("done").touch())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".lock", "one"]


def test_it_is_made_once_however_many_ask(tmp_path):
    made: list[Path] = []
    place = tmp_path / "one"
    makers = [threading.Thread(target=cache.obtain, args=(place, made.append)) for _ in range(8)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(made) == 1
    assert place.is_dir()


def test_too_little_space_is_refused_before_anything_is_written(tmp_path):
    folder = tmp_path / "not" / "there"
    with pytest.raises(NoSpaceError, match="GB free, 1000000 GB needed"):
        cache.require_space(folder, 1_000_000)
    assert not folder.exists()


def test_the_variable_chooses_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TANDEM_CACHE", str(tmp_path))
    assert cache.root() == tmp_path
