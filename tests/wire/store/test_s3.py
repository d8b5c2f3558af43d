"""S3, where it differs: credentials, buckets, pages, and a network that fails."""

import functools
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tandem_wire.config import StoreConfig
from tandem_wire.errors import Conflict, NoSuchBucket, NotFound, StoreDenied, StoreUnavailable, WireError
from tandem_wire.store import Store, open_store
from tandem_wire.store.s3 import S3Store, Timeouts

from tests.wire.seaweed import Server

FAST = Timeouts(connect=0.3, read=0.3, tries=2, pause=0.001)


def calls(store: Store) -> list[Callable[[], object]]:
    return [
        lambda: store.get("a"),
        lambda: store.get_if_changed("a", '"x"'),
        lambda: store.get_range("a", 0, 1),
        lambda: store.head("a"),
        lambda: store.put("a", b""),
        lambda: store.put("a", b"", create=True),
        lambda: list(store.list("a")),
        lambda: store.delete("a"),
    ]


def test_a_missing_bucket_is_named(s3_server: Server) -> None:
    store = open_store(StoreConfig("s3://absent/p", s3_server.endpoint), FAST)
    for call in calls(store)[:7]:
        with pytest.raises(NoSuchBucket, match=r"bucket 'absent' at http://127.* create it, or correct spec.store.s3"):
            call()


def test_wrong_keys_are_denied_with_the_remedy(s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    store = open_store(StoreConfig("s3://models/p", s3_server.endpoint), FAST)
    for call in calls(store):
        with pytest.raises(StoreDenied, match=r"bucket 'models' .* denies access .* check the keys"):
            call()


def test_no_keys_at_all_are_denied_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    store = open_store(StoreConfig("s3://models/p", "http://127.0.0.1:9"), FAST)
    with pytest.raises(StoreDenied, match="AWS_ACCESS_KEY_ID"):
        store.get("a")


def test_listings_go_over_pages(s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        s3.put(f"page/{number}", b"")
    monkeypatch.setattr(s3._client, "list_objects_v2", functools.partial(s3._client.list_objects_v2, MaxKeys=2))
    assert [entry.key for entry in s3.list("page/")] == [f"page/{n}" for n in range(7)]
    assert [entry.key for entry in s3.list("page/", "page/2")] == [f"page/{n}" for n in range(3, 7)]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")


@pytest.mark.usefixtures("keys")
def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        store = open_store(StoreConfig("s3://models/p", f"http://127.0.0.1:{taken.getsockname()[1]}"), FAST)
        for call in calls(store):
            with pytest.raises(StoreUnavailable, match="s3://models/p"):
                call()


@pytest.mark.usefixtures("keys")
def test_a_server_that_never_answers_times_out() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        store = open_store(StoreConfig("s3://models/p", f"http://127.0.0.1:{silent.getsockname()[1]}"), FAST)
        for call in (lambda: store.get("a"), lambda: store.put("a", b"", create=True)):
            with pytest.raises(StoreUnavailable, match=r"[Tt]imed? ?out"):
                call()


Reply = tuple[int, str, bytes]


def error(status: int, code: str) -> Reply:
    return status, "", f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>".encode()


class Scripted:
    """A server that gives these replies one after the other, and a store that asks it.

    Status 0 closes the connection: of a GET in the middle of the body, of a PUT before any reply.
    """

    def __init__(self) -> None:
        self.script: Iterator[Reply] = iter(())
        self.asked: list[str] = []
        scripted = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                scripted.asked.append(self.command)
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, etag, body = next(scripted.script, error(500, "EndOfScript"))
                self.close_connection = True
                if status == 0 and self.command == "PUT":
                    return
                self.send_response(status or 200)
                self.send_header("ETag", etag)
                self.send_header("Content-Length", str(len(body) + (100 if status == 0 else 0)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = answer  # noqa: N815 - the base class's names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.store = open_store(StoreConfig("s3://models/p", f"http://127.0.0.1:{self.server.server_port}"), FAST)

    def begin(self, replies: tuple[Reply, ...]) -> Store:
        self.script, self.asked = iter(replies), []
        return self.store


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "any")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        found = Scripted()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


SLOW = error(503, "SlowDown")
BAD = error(500, "InternalError")
OK = (200, '"new"', b"body")
DONE = (200, '"new"', b"")
READS: list[tuple[str, tuple[Reply, ...], Callable[[Store], object], object]] = [
    ("a busy server is asked again", (SLOW, OK), lambda s: s.get("a").data, b"body"),
    ("an internal error too", (BAD, OK), lambda s: s.get("a").data, b"body"),
    ("a torn body too", ((0, "", b"bo"), OK), lambda s: s.get("a").data, b"body"),
    ("a plain put too", (SLOW, DONE), lambda s: s.put("a", b""), '"new"'),
    ("a torn part too", ((0, "", b"bo"), OK), lambda s: s.get_range("a", 0, 9), b"body"),
    ("a part, of a server that gives all", (OK,), lambda s: s.get_range("a", 1, 2), b"od"),
    ("nothing is beyond the end", (error(416, "InvalidRange"),), lambda s: s.get_range("a", 4, 2), b""),
    ("unchanged", ((304, '"new"', b""),), lambda s: s.get_if_changed("a", '"new"'), None),
]
RAISES: list[tuple[str, tuple[Reply, ...], Callable[[Store], object], type[WireError], int]] = [
    ("busy for good", (SLOW, SLOW), lambda s: s.get("a"), StoreUnavailable, 2),
    ("torn for good", ((0, "", b"bo"), (0, "", b"b")), lambda s: s.get("a"), StoreUnavailable, 2),
    ("create is sent once", (SLOW,), lambda s: s.put("a", b"", create=True), StoreUnavailable, 1),
    ("match is sent once", (BAD,), lambda s: s.put("a", b"", match='"e"'), StoreUnavailable, 1),
    ("a reply of a create lost", ((0, "", b""),), lambda s: s.put("a", b"", create=True), StoreUnavailable, 1),
    ("412", (error(412, "PreconditionFailed"),), lambda s: s.put("a", b"", create=True), Conflict, 1),
    ("409", (error(409, "ConditionalRequestConflict"),), lambda s: s.put("a", b"", create=True), Conflict, 1),
    ("match of what is gone", (error(404, "NoSuchKey"),), lambda s: s.put("a", b"", match='"e"'), Conflict, 1),
    ("404", (error(404, "NoSuchKey"),), lambda s: s.get("a"), NotFound, 1),
    ("403", (error(403, "AccessDenied"),), lambda s: s.get("a"), StoreDenied, 1),
    ("no bucket", (error(404, "NoSuchBucket"),), lambda s: s.get("a"), NoSuchBucket, 1),
    (
        "not S3 at all",
        (
            (200, "", b"<html>"),
            (200, "", b"<html>"),
        ),
        lambda s: list(s.list("a")),
        StoreUnavailable,
        2,
    ),
]


@pytest.mark.parametrize(("case", "replies", "call", "expected"), READS, ids=[case[0] for case in READS])
def test_what_can_be_repeated_is(case, replies, call, expected, scripted: Scripted) -> None:
    assert call(scripted.begin(replies)) == expected, case
    assert len(scripted.asked) == len(replies)


@pytest.mark.parametrize(("case", "replies", "call", "raised", "sent"), RAISES, ids=[case[0] for case in RAISES])
def test_errors_are_told_apart(case, replies, call, raised, sent, scripted: Scripted) -> None:  # noqa: PLR0917 - a table
    store = scripted.begin(replies)
    with pytest.raises(raised) as caught:
        call(store)
    assert type(caught.value) is raised, case
    assert len(scripted.asked) == sent
