"""Stores for the tests: a local directory, and a real S3 server that runs once per session."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tandem_wire.config import StoreConfig
from tandem_wire.store import Store, open_store
from tandem_wire.store.local import LocalStore

from tests.wire.seaweed import ACCESS_KEY, SECRET_KEY, Server, serve

# A busy machine makes examples slow, not wrong.
settings.register_profile("wire", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wire")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    kept = {name: os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    os.environ |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    try:
        with serve(tmp_path_factory.mktemp("seaweed")) as server:
            server.make_bucket("models")
            yield server
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@pytest.fixture(scope="session")
def s3_bucket(s3_server: Server) -> Store:
    return open_store(StoreConfig("s3://models/tests", s3_server.endpoint))


@pytest.fixture
def s3(s3_bucket: Store) -> Store:
    return s3_bucket.scoped(uuid.uuid4().hex)


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(request.param)
    return found
