import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from tandem_serving.server import Server, Shutdown
from tandem_wire.config import ServerConfig, StoreConfig
from tandem_wire.store import Store, open_store

from tests import compiled
from tests.serving.lineage_writer import MODEL_NAME, LineageWriter

POD = "search-serving-1"
NEEDED = ("/usr/include/grpcpp/grpcpp.h", "/usr/include/nlohmann/json.hpp", "/usr/include/dnnl.hpp")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test is the first to need the engine compiles it."""
    for item in items:
        if "engine_program" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(2400))


@pytest.fixture(scope="session")
def _engine_program():
    absent = [file for file in NEEDED if not Path(file).exists()]
    if absent:
        pytest.skip("needs Debian's libgrpc++-dev, libdnnl-dev and nlohmann-json3-dev to be compiled")
    return compiled.engine()


@pytest.fixture
def engine_program(_engine_program, monkeypatch):
    """The compiled engine, where ``tandem_serving.engine`` finds it."""
    monkeypatch.setenv("TANDEM_ENGINE", str(_engine_program))
    return _engine_program


@pytest.fixture
def store(tmp_path):
    return open_store(StoreConfig(f"file://{tmp_path}/store"))


@pytest.fixture
def writer(store):
    return LineageWriter(store)


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until a condition holds; the test fails if it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the server's threads set no asyncio.Event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(store: Store, **options) -> AsyncIterator[Server]:
    """A whole server on free ports over a store."""
    config = ServerConfig(
        model=MODEL_NAME,
        served_name="search",
        store=StoreConfig("file:///unused"),
        poll_seconds=0.02,
        grpc_port=0,
        rest_port=0,
        status_port=0,
        **options,
    )
    server = Server(config, POD, store, Shutdown(lag_seconds=0.01, grace_seconds=5.0))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def serve(store):
    """Start servers over the test's store; they end with the test."""
    async with AsyncExitStack() as stack:
        yield lambda **options: stack.enter_async_context(running(options.pop("store", store), **options))


@pytest.fixture
async def server(store, writer):
    """A server that answers from version 3.3."""
    writer.base(3)
    writer.update(3)
    writer.update(3)
    writer.target(stable=3)
    async with running(store) as server:
        await until(server.ready)
        yield server
