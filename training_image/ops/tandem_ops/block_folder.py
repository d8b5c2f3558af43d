"""Streams of blocks in a local folder."""

import os
from pathlib import Path

from tandem_ops.block_index import INDEX, StreamIndex
from tandem_ops.blocks import BlockStream, Read
from tandem_ops.errors import BlocksRefused


def write_folder(stream: BlockStream, folder: Path) -> StreamIndex:
    """Write a stream into a folder: blocks first, the index last, each of them durable before the next step.

    A folder holds one stream. The one before stays readable until the new index stands; its blocks go then. A writer
    that dies leaves blocks without an index behind, which the next one removes.

    Args:
      stream: a new one; it is read to its end.
      folder: is made if it is missing.

    Raises:
      OSError: of the file system; the stream before is as it was.

    Example:
      >>> import tempfile, tandem_ops as ops
      >>> table = ops.HashVariable("brand", dim=2, initializer=ops.Zeros(), optimizer=ops.SGD(0.5))
      >>> _ = table.lookup(["acme", "zenith"])
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     index = ops.write_folder(table.snapshot_blocks(), Path(folder))
      ...     _ = table.remove(["acme"])
      ...     _ = table.load_blocks(ops.read_folder(Path(folder)))
      >>> index.rows, int(table.size())
      (2, 2)
    """
    folder.mkdir(parents=True, exist_ok=True)
    with stream:
        for block in stream:
            _write(folder / block.name, block.data)
        index = stream.index()
    _sync(folder)
    draft = folder / f"{index.stream}.json"
    _write(draft, index.to_bytes())
    draft.replace(folder / INDEX)
    _sync(folder)
    kept = {entry.name for entry in index.blocks}
    for file in folder.glob("*.safetensors"):
        if file.name not in kept:
            file.unlink()
    return index


def read_folder(folder: Path) -> Read:
    """Return what reads the stream of a folder, for ``HashVariable.load_blocks``.

    Args:
      folder: of ``write_folder``. A file that is missing is ``BlocksRefused`` when it is read.
    """

    def read(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except FileNotFoundError as error:
            raise BlocksRefused(f"{folder}: {name} is missing: the folder holds no whole stream") from error

    return read


def _write(file: Path, data: bytes | memoryview) -> None:
    with file.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
