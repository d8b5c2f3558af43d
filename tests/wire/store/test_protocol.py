"""What every store does, on a local directory and on a real S3 server."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from tandem_wire.errors import Conflict, InvalidValue, NotFound
from tandem_wire.store import Store


def test_what_was_put_is_read(store: Store) -> None:
    etag = store.put("a/b.json", b"\x00data")
    blob = store.get("a/b.json")
    assert (blob.data, blob.etag) == (b"\x00data", etag)
    store.put("empty", b"")
    assert store.get("empty").data == b""


@pytest.mark.parametrize(
    ("start", "size", "expected"),
    [(0, 10, b"0123456789"), (0, 4, b"0123"), (4, 3, b"456"), (8, 5, b"89"), (0, 99, b"0123456789"), (10, 1, b"")],
)
def test_a_part_is_read(store: Store, start: int, size: int, expected: bytes) -> None:
    store.put("a", b"0123456789")
    assert store.get_range("a", start, size) == expected


def test_a_part_of_nothing_is_nothing(store: Store) -> None:
    store.put("empty", b"")
    assert store.get_range("empty", 0, 1) == b""


def test_what_was_not_put_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound, match=r"^a/b\.json: "):
        store.get("a/b.json")
    with pytest.raises(NotFound):
        store.get_if_changed("a/b.json", "etag")
    with pytest.raises(NotFound, match=r"^a/b\.json: "):
        store.get_range("a/b.json", 0, 1)
    assert store.head("a/b.json") is None
    assert list(store.list("a/")) == []


def test_a_prefix_is_no_object(store: Store) -> None:
    store.put("a/b", b"1")
    assert store.head("a") is None
    with pytest.raises(NotFound):
        store.get("a")


def test_head_describes(store: Store) -> None:
    etag = store.put("a", b"12345")
    entry = store.head("a")
    assert entry is not None
    assert (entry.key, entry.size, entry.etag) == ("a", 5, etag)
    assert abs(entry.modified - datetime.now(UTC)) < timedelta(minutes=1)


def test_create_wins_once(store: Store) -> None:
    store.put("slot", b"first", create=True)
    with pytest.raises(Conflict, match="slot"):
        store.put("slot", b"second", create=True)
    assert store.get("slot").data == b"first"


def test_match_replaces_only_what_was_read(store: Store) -> None:
    first = store.put("target", b"1", create=True)
    second = store.put("target", b"2", match=first)
    assert second != first
    with pytest.raises(Conflict, match="target"):
        store.put("target", b"3", match=first)
    assert store.get("target").data == b"2"


def test_match_does_not_create(store: Store) -> None:
    etag = store.put("target", b"1")
    store.delete("target")
    with pytest.raises(Conflict):
        store.put("target", b"2", match=etag)
    assert store.head("target") is None


def test_a_plain_put_replaces(store: Store) -> None:
    store.put("mark", b"1", create=True)
    store.put("mark", b"2")
    assert store.get("mark").data == b"2"


def test_only_what_changed_is_read_again(store: Store) -> None:
    etag = store.put("target", b"1")
    assert store.get_if_changed("target", etag) is None
    store.put("target", b"2")
    blob = store.get_if_changed("target", etag)
    assert blob is not None
    assert blob.data == b"2"


def test_listing_is_ascending_and_begins_after(store: Store) -> None:
    for key in ("u/2/9.json", "u/2/10.json", "u/1/1.json", "u/10/1.json", "v/1.json"):
        store.put(key, b"x")
    assert [e.key for e in store.list("u/2/")] == ["u/2/10.json", "u/2/9.json"]
    assert [e.key for e in store.list("u/2/", "u/2/10.json")] == ["u/2/9.json"]
    assert [e.key for e in store.list("u/1")] == ["u/1/1.json", "u/10/1.json"]
    assert [e.key for e in store.list("u/2/", "u/2/9.json")] == []
    assert len(list(store.list(""))) == 5


def test_delete_twice(store: Store) -> None:
    store.put("a/b", b"x")
    store.delete("a/b")
    store.delete("a/b")
    assert store.head("a/b") is None


def test_scopes_are_apart_and_nest(store: Store) -> None:
    one, other = store.scoped("shop/one"), store.scoped("/shop/").scoped("other")
    one.put("target.json", b"1")
    assert other.head("target.json") is None
    other.put("target.json", b"2")
    assert [e.key for e in other.list("")] == ["target.json"]
    assert sorted(e.key for e in store.list("shop/")) == ["shop/one/target.json", "shop/other/target.json"]
    assert other.location == f"{store.location}/shop/other"


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\\b", "a\nb", "a\x00"])
def test_what_is_no_key_is_refused(store: Store, key: str) -> None:
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.put(key, b""),
        lambda: store.get(key),
        lambda: store.get_range(key, 0, 1),
        lambda: store.head(key),
        lambda: store.delete(key),
    )
    for call in calls:
        with pytest.raises(InvalidValue, match="is not a key"):
            call()


def test_two_conditions_at_once_are_refused(store: Store) -> None:
    with pytest.raises(InvalidValue, match="not both"):
        store.put("a", b"", create=True, match="etag")


def together(count: int, work: Callable[[int], bool]) -> int:
    """Let ``count`` threads begin at one instant; return how many came back with True."""
    barrier = threading.Barrier(count)

    def run(index: int) -> bool:
        barrier.wait()
        return work(index)

    with ThreadPoolExecutor(count) as pool:
        return sum(pool.map(run, range(count)))


def test_of_many_that_create_exactly_one_wins(store: Store) -> None:
    for slot in range(2):

        def create(index: int, key: str = f"updates/{slot}.json") -> bool:
            try:
                store.put(key, f"{index}".encode(), create=True)
            except Conflict:
                return False
            return True

        assert together(6, create) == 1


def test_of_many_that_compare_and_swap_none_is_lost(store: Store) -> None:
    store.put("count", b"0")

    def add(_index: int) -> bool:
        done = 0
        while done < 4:
            blob = store.get("count")
            try:
                store.put("count", f"{int(blob.data) + 1}".encode(), match=blob.etag)
            except Conflict:
                continue
            done += 1
        return True

    together(6, add)
    assert store.get("count").data == b"24"


def test_a_reader_sees_an_object_whole_or_not_at_all(store: Store) -> None:
    def work(index: int) -> bool:
        if index:
            for turn in range(8):
                store.put("big", bytes([65 + index + turn % 2]) * 200_000)
            return True
        whole = True
        for _ in range(30):
            try:
                data = store.get("big").data
            except NotFound:
                continue
            whole = whole and len(data) == 200_000 and len(set(data)) == 1
        return whole

    assert together(4, work) == 4
