"""How A learns of its cut; what it makes is in test_lifecycle.py."""

import dataclasses
from datetime import UTC, datetime

import pytest
from tandem_training.model_a import CutWatcher
from tandem_wire.errors import StoreUnavailable
from tandem_wire.layout import TARGET
from tandem_wire.store.local import LocalStore
from tandem_wire.target import Owner, Run, Target, read_target, write_target

from tests.training.builders import eventually, named

NOW = datetime(2026, 11, 10, 20, tzinfo=UTC)


def put(store: LocalStore, run: Run | None) -> None:
    found = read_target(store)
    target = dataclasses.replace(Target.first(Owner("c", "r"), NOW), run=run)
    write_target(store, target, None if found is None else found[1])


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path)


@pytest.mark.parametrize(
    ("run", "expected"),
    named(
        ("no run", None, None),
        ("this run goes on", Run(1, 2, cut=None), None),
        ("this run is cut", Run(1, 2, cut=NOW), NOW),
        ("another run is cut", Run(2, 3, cut=NOW), None),
    ),
)
def test_look(store, run, expected):
    put(store, run)
    watcher = CutWatcher(store, 2)
    watcher.look()
    assert watcher.cut == expected


def test_no_target_is_no_cut(store):
    watcher = CutWatcher(store, 2)
    watcher.look()
    assert watcher.cut is None


def test_a_cut_stays_whatever_comes_after(store, monkeypatch):
    put(store, Run(1, 2, cut=NOW))
    watcher = CutWatcher(store, 2)
    watcher.look()
    put(store, Run(2, 3, cut=None))
    watcher.look()

    def away(_key: str) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(store, "get", away)
    watcher.look()
    assert watcher.cut == NOW


def test_what_cannot_be_read_is_no_cut(store):
    store.put(TARGET, b"{")
    watcher = CutWatcher(store, 2)
    watcher.look()
    assert watcher.cut is None


def test_it_looks_by_itself(store):
    watcher = CutWatcher(store, 2)
    watcher.start()
    put(store, Run(1, 2, cut=NOW))
    assert eventually(lambda: watcher.cut == NOW)
    watcher.stop()
