"""Streams of blocks in memory, for the tests of what goes out and of what must not come in."""

import hashlib
import json

import tandem_ops as ops
import tensorflow as tf
from tandem_ops.block_index import INDEX, BlockEntry, StreamIndex

from tests.ops.tables import make_table

Stored = dict[str, bytes]
"""The bytes of a stream by name."""


def store(stream: ops.BlockStream) -> Stored:
    """Everything of a stream by name."""
    stored = {block.name: bytes(block.data) for block in stream}
    return {**stored, INDEX: stream.index().to_bytes()}


def trained(keys=range(40), **arguments) -> ops.HashVariable:
    """A table that has taken two steps with each key."""
    table = make_table(**arguments)
    ids = list(keys)
    for time in (5, 3):
        _, handles = table.lookup(ids, event_time=time)
        table.apply(handles, tf.ones([len(ids), table.dim]))
    return table


def blocks_of(stored: Stored) -> list[str]:
    """The names of its blocks, in order."""
    return sorted(stored.keys() - {INDEX})


def reindex(stored: Stored, **changes) -> None:
    """Write an index that fits the blocks as they are now, as a wrong writer would."""
    body = json.loads(stored[INDEX])
    entries = tuple(
        BlockEntry(**{**entry, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})
        for entry in body["blocks"]
        if (data := stored.get(entry["name"])) is not None
    )
    facts = {k: v for k, v in body.items() if k not in ("format", "digest")}
    stored[INDEX] = StreamIndex(**{**facts, "blocks": entries, **changes}).to_bytes()
