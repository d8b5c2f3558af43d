"""What clients do wrong is no concern of the others: they go on being answered, and memory stays in bounds."""

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf

from tests.serving.clients import Client, Recomputed, fails, request
from tests.serving.conftest import until
from tests.serving.engine.conftest import answering

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
PREDICT = b"/tensorflow.serving.PredictionService/Predict"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def header(name: bytes, value: bytes) -> bytes:
    """A header as HPACK has it without table and Huffman code."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


HEADERS = frame(
    1,
    4,
    1,
    header(b":method", b"POST")
    + header(b":scheme", b"http")
    + header(b":path", PREDICT)
    + header(b":authority", b"localhost")
    + header(b"content-type", b"application/grpc")
    + header(b"te", b"trailers"),
)
MESSAGE = frame(0, 0, 1, b"\x00\x00\x10\x00\x00" + b"\x0a")  # a message of a megabyte, of which one byte comes

STRAYS = {
    "say nothing": b"",
    "begin a preface": PREFACE[:10],
    "begin a frame": PREFACE + SETTINGS[:5],
    "begin headers": PREFACE + SETTINGS + HEADERS[:40],
    "begin a message": PREFACE + SETTINGS + HEADERS + MESSAGE,
    "speak HTTP/1": b"GET / HTTP/1.1\r\n",
    "speak nonsense": bytes(range(256)),
}


@contextlib.contextmanager
def connected(port: int, count: int, said: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that have said this and stay."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            each = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            with contextlib.suppress(OSError):  # what can't be a client is hung up on
                each.sendall(said)
            sockets.append(each)
        yield sockets


def resident(pid: int) -> int:
    """Bytes in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("half_closed", [False, True], ids=["stay", "half-closed"])
@pytest.mark.parametrize("said", STRAYS.values(), ids=STRAYS)
async def test_others_are_answered_beside_those_that_never_finish(shared, said, half_closed):
    engine, store = shared
    with connected(engine.port, 50, said) as sockets:
        if half_closed:
            for each in sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_WR)
        async with Client(engine.port) as client:
            for _ in range(5):
                Recomputed(store).check(await client.predictions.Predict(request(), timeout=20))
    assert engine.process.poll() is None


async def test_thousands_of_connections_take_little_and_leave_room_for_others(shared):
    engine, store = shared
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(2000, room - 500)
    before = resident(engine.process.pid)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (room, room))
    try:
        with connected(engine.port, count, PREFACE + SETTINGS):
            async with Client(engine.port) as client:
                Recomputed(store).check(await client.predictions.Predict(request(), timeout=60))
            assert resident(engine.process.pid) - before < count * 100_000
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, room))


async def test_what_is_too_much_is_shed_and_the_rest_is_answered(engine_binary, tmp_path, store, writer):
    with answering(engine_binary, tmp_path, store, writer, "--in-flight=2", "--engine-threads=1") as engine:
        recomputed = Recomputed(store)
        async with Client(engine.port) as client:
            calls = [client.predictions.Predict(request(), timeout=60) for _ in range(300)]
            answers = await asyncio.gather(*calls, return_exceptions=True)
        answered = [each for each in answers if not isinstance(each, grpc.RpcError)]
        for each in answered:
            recomputed.check(each)
        shed = [each for each in answers if isinstance(each, grpc.RpcError)]
        assert answered
        assert {each.code() for each in shed} <= {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert all("try another replica" in (each.details() or "") for each in shed)
        # A request leaves the count a moment after its answer left.
        await until(lambda: engine.tell("stats")["in_flight"] == 0)
        stats = engine.tell("stats")
        assert (stats["answers"], stats["errors"]) == (len(answered), len(shed))


async def test_any_id_is_an_id(shared):
    engine, store = shared
    known = Recomputed(store).of(3_000_000_003)["ctr"]
    limits = np.iinfo(np.int64)
    async with Client(engine.port) as client:
        extreme = await client.predictions.Predict(request(user=np.array([limits.min, limits.max, 10**12])))
        answers = tf.make_ndarray(extreme.outputs["ctr"])
        assert np.isfinite(answers).all()
        np.testing.assert_allclose(answers[2], known[2], rtol=1e-4)


async def test_a_batch_beyond_the_limit_is_refused_before_it_is_read(shared):
    async with Client(shared[0].port) as client:
        rows = 9000
        huge = request(
            user=np.zeros(rows, np.int64), words=[[b"", b"", b""]] * rows, numeric=np.zeros((rows, 2), np.float32)
        )
        code, details = await fails(client.predictions.Predict(huge))
        assert (code.name, details) == (
            "INVALID_ARGUMENT",
            "the request has 9000 rows, at most 8192 are taken at once; split it",
        )
