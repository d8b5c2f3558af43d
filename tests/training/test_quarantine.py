import base64
import json
from pathlib import Path

import pytest
from tandem_training.quarantine import BadRecord, Quarantine
from tandem_wire.errors import StoreUnavailable
from tandem_wire.store.local import LocalStore

UID = "0" * 32


def bad(stream: str = "click", data: bytes | None = b"\xff\x00") -> BadRecord:
    return BadRecord(stream, {"kafka": {"topic": "t", "offsets": {"0": 8}}}, "NotAnExample", data)


def lines(store: LocalStore, stream: str) -> list[dict[str, object]]:
    blobs = [store.get(entry.key).data for entry in store.list(f"quarantine/{stream}/")]
    return [json.loads(line) for blob in blobs for line in blob.splitlines()]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_a_line_says_where_and_why(store):
    quarantine = Quarantine(store, UID)
    quarantine.add(bad())
    quarantine.add(bad("order", None))
    quarantine.flush()
    (line,) = lines(store, "click")
    assert base64.b64decode(str(line.pop("data"))) == b"\xff\x00"
    assert line == {"position": {"kafka": {"topic": "t", "offsets": {"0": 8}}}, "reason": "NotAnExample", "size": 2}
    assert len(lines(store, "order")) == 1
    assert [e.key for e in store.list("quarantine/")] == [
        f"quarantine/click/{UID}-0.jsonl",
        f"quarantine/order/{UID}-1.jsonl",
    ]


def test_nothing_is_written_for_nothing(store):
    Quarantine(store, UID).flush()
    assert list(store.list("")) == []


def test_long_records_are_cut(store):
    quarantine = Quarantine(store, UID)
    quarantine.add(bad(data=b"x" * 100_000))
    quarantine.flush()
    (line,) = lines(store, "click")
    assert line["size"] == 100_000
    assert len(base64.b64decode(str(line["data"]))) == 4096


def test_a_flood_is_bounded_and_the_first_are_kept(store):
    quarantine = Quarantine(store, UID)
    for i in range(5000):
        quarantine.add(bad(data=b"%d" % i))
    quarantine.flush()
    quarantine.flush()
    quarantine.flush()
    kept = [base64.b64decode(str(line["data"])) for line in lines(store, "click")]
    assert kept == [b"%d" % i for i in range(1000)]


def test_what_the_store_would_not_take_waits(store, monkeypatch):
    quarantine = Quarantine(store, UID)
    quarantine.add(bad())

    def away(*_args: object) -> str:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "put", away)
        with pytest.raises(StoreUnavailable):
            quarantine.flush()
    quarantine.flush()
    assert len(lines(store, "click")) == 1


def test_stop_writes_what_waits(store):
    quarantine = Quarantine(store, UID)
    quarantine.start()
    quarantine.add(bad())
    quarantine.stop()
    assert len(lines(store, "click")) == 1
