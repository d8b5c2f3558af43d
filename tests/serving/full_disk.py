"""A whole pod whose disk fills up while it is asked; run in a mount namespace, where anybody may make a small disk.

``unshare --map-root-user --mount python -m tests.serving.full_disk FOLDER``; it ends with 0 if all went well.
"""

import asyncio
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock, patch

import numpy as np
import tensorflow as tf
from tandem_serving.cache import CacheOptions
from tandem_serving.server import Server
from tandem_wire.config import StoreConfig
from tandem_wire.store import open_store

from tests.serving.conftest import running, until
from tests.serving.hammer import Hammer
from tests.serving.lineage_writer import LineageWriter, dense_graph

_PAGE = 4096


def large_graph() -> bytes:
    """The model's graph and a constant that nobody uses: an object of many pages, which only begins to fit."""
    graph = tf.compat.v1.GraphDef.FromString(dense_graph())
    node = graph.node.add(name="unused", op="Const")
    node.attr["dtype"].type = tf.float32.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.arange(50_000, dtype=np.float32)))
    data: bytes = graph.SerializeToString()
    return data


@contextmanager
def filled(disk: Path, left: int) -> Iterator[None]:
    """Take all of the disk but ``left`` bytes, after anybody looked how much is free."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(_PAGE))
        except OSError:
            file.truncate(file.tell() - left)
    with patch("tandem_serving.cache.shutil.disk_usage", return_value=Mock(free=1 << 40)):
        yield
    ballast.unlink()


def kept(cache: Path) -> set[str]:
    """What the cache holds; all of it must be whole."""
    names = {path.name for path in cache.iterdir()}
    assert names == {hashlib.sha256(path.read_bytes()).hexdigest() for path in cache.iterdir()}, names
    return names


def unkept(server: Server) -> float:
    """How many objects the disk did not take, as /metrics says."""
    line = next(
        line
        for line in server.metrics.text().decode().splitlines()
        if line.startswith("tandem_serving_cache_unkept_total")
    )
    return float(line.split()[1])


def answers_from(server: Server, base: int, update: int = 0) -> bool:
    """Whether this version, or a later one of its base, is answered from."""
    current = server.publisher.current
    return current is not None and (current.version.base, current.version.update) >= (base, update)


async def play(folder: Path, disk: Path) -> None:
    """Swap and follow updates on a full disk, swap again when it has room, and start again from what was kept."""
    store = open_store(StoreConfig(f"file://{folder}/store"))
    writer = LineageWriter(store)
    writer.base(3)
    writer.target(stable=3)
    options = CacheOptions(disk / "cache", free_bytes=0)
    async with running(store, folder, cache=options) as server:
        await until(server.ready)
        before = kept(options.folder)
        async with Hammer(server.ports["grpc"], store) as hammer:
            await hammer.more(20)
            with filled(disk, left=2 * _PAGE):
                writer.base(4, large_graph())
                writer.target(stable=4)
                await until(lambda: answers_from(server, 4))
                assert unkept(server) >= 1
                assert before <= kept(options.folder)
                slot = writer.update(4).slot
                await until(lambda: answers_from(server, 4, slot))
                await hammer.more(20)
            refused = unkept(server)
            record = writer.base(5, large_graph())
            writer.target(stable=5)
            await until(lambda: answers_from(server, 5))
            await hammer.more(20)
        assert server.counts == (hammer.count, 0), server.counts
        assert {version.base for each in hammer.versions for version in each} == {3, 4, 5}
        assert unkept(server) == refused
        assert {each.sha256 for each in record.objects} <= kept(options.folder)
    async with running(store, folder, cache=options) as server:
        await until(server.ready)
        async with Hammer(server.ports["grpc"], store) as hammer:
            await hammer.more(5)


def main() -> None:
    """Make the disk, of two megabytes, and keep temporary files on it too, as a pod does."""
    folder = Path(sys.argv[1])
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], check=True)
    tempfile.tempdir = str(disk)
    asyncio.run(play(folder, disk))


if __name__ == "__main__":
    main()
