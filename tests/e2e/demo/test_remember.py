import pytest
from tandem_wire.config import StoreConfig
from tandem_wire.errors import NotFound
from tandem_wire.store import open_store

from e2e.demo.remember import Remembering


@pytest.fixture
def store(tmp_path):
    return open_store(StoreConfig(url=f"file://{tmp_path}"))


def test_an_object_is_read_once(store):
    remembering = Remembering(store)
    store.put("a/b", b"1")
    assert remembering.get("a/b").data == b"1"
    store.put("a/b", b"2")
    assert remembering.get("a/b").data == b"1"
    assert Remembering(store).get("a/b").data == b"2"
    assert remembering.scoped("a").get("b").data == b"2"
    assert [entry.key for entry in remembering.list("a/")] == ["a/b"]


def test_absence_is_not_remembered(store):
    remembering = Remembering(store)
    with pytest.raises(NotFound):
        remembering.get("a")
    assert remembering.head("a") is None
    store.put("a", b"1")
    assert remembering.get("a").data == b"1"


def test_a_judge_does_not_write(store):
    with pytest.raises(PermissionError):
        Remembering(store).put("a", b"1")
    with pytest.raises(PermissionError):
        Remembering(store).delete("a")
