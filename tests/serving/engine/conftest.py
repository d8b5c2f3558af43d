from contextlib import contextmanager

import pytest
from tandem_wire.config import StoreConfig
from tandem_wire.store import open_store

from tests.serving.engine.engine_process import Engine
from tests.serving.lineage_writer import LineageWriter


@contextmanager
def _running(program, folder, store, *flags):
    with Engine(program, folder, store, "--batch-sizes=1,8,32", "--background=normal", *flags) as engine:
        yield engine


def _serve(engine, writer):
    loaded = engine.load(writer.base(3))
    assert loaded["ok"], loaded
    for _ in range(2):
        assert engine.apply(3, writer.update(3)) == {"ok": True}
    assert engine.tell("publish", base=3, update=3) == {"ok": True}
    assert engine.tell("ready", value=True) == {"ok": True}


@contextmanager
def answering(program, folder, store, writer, *flags):
    """An engine with flags of its own that answers from version 3.3."""
    with _running(program, folder, store, *flags) as engine:
        _serve(engine, writer)
        yield engine


@pytest.fixture
def engine(engine_binary, tmp_path, store):
    """An engine that has nothing loaded."""
    with _running(engine_binary, tmp_path, store) as engine:
        yield engine


@pytest.fixture
def serving(engine, writer):
    """The same, answering from version 3.3."""
    _serve(engine, writer)
    return engine


@pytest.fixture(scope="module")
def shared(engine_binary, tmp_path_factory):
    """An engine that answers from 3.3 for all tests that leave it as it is, and its store."""
    folder = tmp_path_factory.mktemp("shared")
    store = open_store(StoreConfig(f"file://{folder}/store"))
    with _running(engine_binary, folder, store) as engine:
        _serve(engine, LineageWriter(store))
        yield engine, store
