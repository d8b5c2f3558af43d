"""``tf.train.Example`` and TFRecord, written without TensorFlow, whose import costs more than a stream's whole start.

An Example is a protobuf map from feature name to a list of int64, float or bytes. A TFRecord frames a message by its
length and masked CRC-32C sums of both. The tests read what is written here with TensorFlow itself.
"""

import struct
from collections.abc import Iterable

from e2e.demo.samples import Features

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_UINT32 = 0xFFFFFFFF
_UINT64 = 0xFFFFFFFFFFFFFFFF
_SEVEN_BITS = 0x7F


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """The CRC-32C (Castagnoli) of ``data``."""
    crc = _UINT32
    table = _CRC_TABLE
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc ^ _UINT32


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & _UINT32)


def tfrecords(messages: Iterable[bytes]) -> bytes:
    """A TFRecord file of ``messages``, in order."""
    parts: list[bytes] = []
    for message in messages:
        length = struct.pack("<Q", len(message))
        parts += [length, _masked(length), message, _masked(message)]
    return b"".join(parts)


def _varint(value: int) -> bytes:
    out = bytearray()
    value &= _UINT64
    while value > _SEVEN_BITS:
        out.append(value & _SEVEN_BITS | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _feature(kind: int, values: bytes) -> bytes:
    # Feature is a oneof: 1 bytes_list, 2 float_list, 3 int64_list; the list has its values in its field 1.
    return _field(kind, values)


def int64_feature(*values: int) -> bytes:
    """A Feature with an Int64List, packed."""
    return _feature(3, _field(1, b"".join(_varint(value) for value in values)))


def float_feature(*values: float) -> bytes:
    """A Feature with a FloatList, packed."""
    return _feature(2, _field(1, struct.pack(f"<{len(values)}f", *values)))


def bytes_feature(*values: bytes) -> bytes:
    """A Feature with a BytesList."""
    return _feature(1, b"".join(_field(1, value) for value in values))


def example(features: dict[str, bytes]) -> bytes:
    """A serialized ``tf.train.Example`` of features made by the functions above."""
    entries = (_field(1, _field(1, name.encode()) + _field(2, feature)) for name, feature in sorted(features.items()))
    return _field(1, b"".join(entries))


def sample(features: Features, row: int, *, event_time_ms: int, label: float) -> bytes:
    """The training sample of one impression: its features, ``event_time`` in Unix milliseconds and ``label``."""
    return example(
        {
            "event_time": int64_feature(event_time_ms),
            "label": float_feature(label),
            "user_id": int64_feature(int(features.user_id[row])),
            "item_id": int64_feature(int(features.item_id[row])),
            "query": bytes_feature(features.query[row]),
            "brand": int64_feature(int(features.brand[row])),
            "user_segment": int64_feature(int(features.user_segment[row])),
            "numeric": float_feature(*features.numeric[row].tolist()),
        }
    )
