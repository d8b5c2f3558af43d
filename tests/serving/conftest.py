import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from tandem_serving.cache import CacheOptions
from tandem_serving.server import Place, Server, Shutdown
from tandem_wire.config import ServerConfig, StoreConfig
from tandem_wire.store import Store, open_store

from e2e.cluster import debian
from tests import compiled
from tests.serving.lineage_writer import MODEL_NAME, LineageWriter

POD = "search-serving-1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test is the first to need the engine compiles it."""
    for item in items:
        if "engine_binary" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(2400))


@pytest.fixture(scope="session")
def engine_binary():
    """The compiled engine."""
    absent = [] if os.environ.get("TANDEM_ENGINE") else debian.missing(debian.ENGINE, debian.installed())
    if absent:
        pytest.fail(f"the engine needs {' '.join(absent)} to be compiled; run `make packages` as root")
    return compiled.engine()


@pytest.fixture(scope="session")
def _patient(engine_binary, tmp_path_factory):
    """The engine as a machine needs it that other tests keep busy: bases are loaded at normal priority."""
    script = tmp_path_factory.mktemp("engine") / "tandem-engine"
    script.write_text(f'#!/bin/sh\nexec "{engine_binary}" "$@" --background=normal\n')
    script.chmod(0o755)
    return script


@pytest.fixture
def engine_program(_patient, monkeypatch):
    """The engine, where ``tandem_serving.engine`` finds it."""
    monkeypatch.setenv("TANDEM_ENGINE", str(_patient))
    return _patient


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
async def running(store: Store, folder: Path, *, cache: CacheOptions | None = None, **options) -> AsyncIterator[Server]:
    """A whole server on free ports over a store; the folder is for what it keeps."""
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
    place = Place(POD, store, cache or CacheOptions(folder / "cache"))
    server = Server(config, place, Shutdown(lag_seconds=0.01, grace_seconds=5.0))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def serve(store, tmp_path, engine_program):  # noqa: ARG001 - it sets where the program is
    """Start servers over the test's store; they end with the test."""
    async with AsyncExitStack() as stack:
        yield lambda **options: stack.enter_async_context(running(options.pop("store", store), tmp_path, **options))


@pytest.fixture
async def server(serve, writer):
    """A server that answers from version 3.3."""
    writer.base(3)
    writer.update(3)
    writer.update(3)
    writer.target(stable=3)
    server = await serve()
    await until(server.ready)
    return server
