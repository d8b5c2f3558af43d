"""The index of a stream of blocks: what a whole stream has, written last."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, cast

from tandem_ops.errors import BlocksRefused

INDEX: Final = "index.json"
"""The name of the index beside its blocks."""

_FORMAT: Final = "tandem.stream/1"
_HEX: Final = re.compile(r"[0-9a-f]+")
_DIGEST: Final = 64
_STREAM: Final = 32
_INT64: Final = 2**63


@dataclass(frozen=True, slots=True)
class BlockEntry:
    """What the index says of a block.

    Args:
      name: of the file or object.
      size: bytes.
      sha256: of all bytes, 64 hexadecimal digits.
      rows: how many rows it has.
      removed: how many removed keys it has.
      admission: how many words of the state of the admission filter it has.
    """

    name: str
    size: int
    sha256: str
    rows: int
    removed: int
    admission: int


@dataclass(frozen=True, slots=True)
class StreamIndex:
    """A whole stream: the table it is of, and its blocks in order.

    Args:
      kind: ``snapshot`` (all rows) or ``delta`` (what changed, and removed keys).
      table: name of the table that was cut.
      dim: values per row.
      width: floats of optimizer slots per row.
      layout: what the slots mean, ``Optimizer.layout``.
      stream: 32 hexadecimal digits, other ones for every cut.
      epoch: of the cut, for ``ack``.
      blocks: in their order.
    """

    kind: Literal["snapshot", "delta"]
    table: str
    dim: int
    width: int
    layout: str
    stream: str
    epoch: int
    blocks: tuple[BlockEntry, ...]

    @property
    def rows(self) -> int:
        """Rows in all blocks."""
        return sum(block.rows for block in self.blocks)

    @property
    def removed(self) -> int:
        """Removed keys in all blocks."""
        return sum(block.removed for block in self.blocks)

    @property
    def size(self) -> int:
        """Bytes of all blocks."""
        return sum(block.size for block in self.blocks)

    def to_bytes(self) -> bytes:
        """Write canonical JSON with the digest of itself."""
        body = {"format": _FORMAT, **asdict(self)}
        return _canonical({**body, "digest": hashlib.sha256(_canonical(body)).hexdigest()})


def block_name(stream: str, number: int) -> str:
    """Return the name of a block; it holds the stream, so that two streams in one folder never share a file."""
    return f"{stream}-{number:06d}.safetensors"


def parse_index(data: bytes, called: str = INDEX) -> StreamIndex:
    """Read what ``StreamIndex.to_bytes`` wrote, and nothing else.

    Args:
      data: bytes that nobody vouches for.
      called: the name for messages.

    Raises:
      BlocksRefused: it is torn, damaged, of another version, or a field is missing, unknown or impossible.
    """
    body = _object(_json(data, called), called)
    digest = body.pop("digest", None)
    if body.get("format") != _FORMAT:
        raise BlocksRefused(f"{called}: format is {body.get('format')!r}; only {_FORMAT!r} is read here")
    if digest != hashlib.sha256(_canonical(body)).hexdigest():
        raise BlocksRefused(f"{called}: digest is not that of its contents: it was damaged or edited")
    if _canonical({**body, "digest": digest}) != data:
        raise BlocksRefused(f"{called}: is not canonical JSON")
    body.pop("format")
    _require_fields(body, StreamIndex, called)
    index = StreamIndex(
        **{**body, "blocks": tuple(_entry(block, called, i) for i, block in enumerate(_list(body, called)))}
    )
    _check(index, called)
    return index


def _entry(block: object, called: str, number: int) -> BlockEntry:
    where = f"{called}: blocks[{number}]"
    body = _object(block, where)
    _require_fields(body, BlockEntry, where)
    return BlockEntry(**body)


def _check(index: StreamIndex, called: str) -> None:
    for field in ("dim", "width", "epoch"):
        _require_count(getattr(index, field), f"{called}: {field}")
    _require_hex(index.stream, _STREAM, f"{called}: stream")
    for field in ("table", "layout"):
        if not isinstance(getattr(index, field), str) or not getattr(index, field):
            raise BlocksRefused(f"{called}: {field} must be a string that is not empty")
    if index.kind not in ("snapshot", "delta"):
        raise BlocksRefused(f"{called}: kind is {index.kind!r}, not 'snapshot' or 'delta'")
    for number, block in enumerate(index.blocks):
        where = f"{called}: blocks[{number}]"
        for field in ("size", "rows", "removed", "admission"):
            _require_count(getattr(block, field), f"{where}.{field}")
        _require_hex(block.sha256, _DIGEST, f"{where}.sha256")
        if block.name != block_name(index.stream, number):
            raise BlocksRefused(f"{where}.name is {block.name!r}, not {block_name(index.stream, number)!r}")
    if index.kind == "snapshot" and index.removed:
        raise BlocksRefused(f"{called}: a snapshot has no removed keys, this one has {index.removed}")
    if index.kind == "delta" and any(block.admission for block in index.blocks):
        raise BlocksRefused(f"{called}: a delta has no state of an admission filter, this one has")


def _json(data: bytes, called: str) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name stands twice")
        return dict(pairs)

    try:
        return cast("object", json.loads(data.decode(), object_pairs_hook=unique))
    except (ValueError, RecursionError) as error:
        raise BlocksRefused(f"{called}: is not JSON: {error}") from error


def _canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(errors="replace")


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BlocksRefused(f"{where}: must be an object")
    return dict(value)


def _list(body: dict[str, Any], called: str) -> list[object]:
    if not isinstance(body["blocks"], list):
        raise BlocksRefused(f"{called}: blocks must be a list")
    return body["blocks"]


def _require_fields(body: dict[str, Any], form: type[StreamIndex] | type[BlockEntry], where: str) -> None:
    expected = set(form.__slots__)
    if missing := sorted(expected - body.keys()):
        raise BlocksRefused(f"{where}: {missing[0]} is missing")
    if unknown := sorted(body.keys() - expected):
        raise BlocksRefused(f"{where}: {unknown[0]} is unknown here")


def _require_count(value: object, where: str) -> None:
    if type(value) is not int or not 0 <= value < _INT64:
        raise BlocksRefused(f"{where} must be an integer of at least 0, it is {value!r}")


def _require_hex(value: object, digits: int, where: str) -> None:
    if not isinstance(value, str) or len(value) != digits or not _HEX.fullmatch(value):
        raise BlocksRefused(f"{where} must be {digits} hexadecimal digits in lower case")
