"""safetensors bytes to and from numpy, with the checks that the format asks for."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import safetensors.numpy

from tandem_wire.errors import InvalidValue, Refused

Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]
Tensors = dict[str, Array]
DTYPES = frozenset(
    {"bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"}
)
_HEADER = 8
_METADATA = "__metadata__"
_TYPES = {
    "BOOL": "?",
    "U8": "<u1",
    "I8": "<i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a tensor lies behind the header."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    begin: int
    end: int


def pack(tensors: Mapping[str, Array]) -> bytes:
    """Write named tensors as safetensors; the same tensors always give the same bytes.

    Raises:
      InvalidValue: a dtype that the format does not know, or a value that is not finite.
    """
    for name, tensor in tensors.items():
        if tensor.dtype.name not in DTYPES:
            raise InvalidValue(name, f"dtype {tensor.dtype.name} is not one of the format's")
        if not _finite(tensor):
            raise InvalidValue(
                name, "has values that are not finite; a model with NaN or infinity must not be published"
            )
    ordered = {name: np.ascontiguousarray(tensors[name]).reshape(tensors[name].shape) for name in sorted(tensors)}
    return bytes(safetensors.numpy.save(ordered))


def unpack(data: bytes | memoryview, called: str = "tensors") -> Tensors:
    """Read safetensors; the arrays are read-only and lie in ``data``, nothing is copied.

    Raises:
      Refused: not safetensors, a name that stands twice, another dtype, or a value that is not finite.
    """
    header, begin = _header(data, called)
    try:
        tensors = {name: _tensor(data, begin, entry) for name, entry in _entries(header, len(data) - begin)}
    except (ValueError, OverflowError) as error:
        raise Refused(called, f"is not safetensors: {error}") from error
    for name, tensor in tensors.items():
        if tensor.dtype.name not in DTYPES:
            raise Refused(called, f"tensor {name} has dtype {tensor.dtype.name}, which is not one of the format's")
        if not _finite(tensor):
            raise Refused(called, f"tensor {name} has values that are not finite")
    return tensors


def _finite(tensor: Array) -> bool:
    return tensor.dtype.kind != "f" or bool(np.isfinite(tensor).all())


def _header(data: bytes | memoryview, called: str) -> tuple[object, int]:
    """Return the header and where the data begin.

    A header may hold a name twice, which a JSON reader would pass over in silence.
    """
    size = int.from_bytes(data[:_HEADER], "little")
    if len(data) < _HEADER or size > len(data) - _HEADER:
        raise Refused(called, "is not safetensors: it is torn")

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Refused(called, "has a tensor name that stands twice")
        return dict(pairs)

    try:
        return json.loads(bytes(data[_HEADER : _HEADER + size]).decode(), object_pairs_hook=unique), _HEADER + size
    except (ValueError, RecursionError) as error:
        raise Refused(called, f"is not safetensors: its header is not JSON: {error}") from error


def _entries(header: object, size: int) -> list[tuple[str, _Entry]]:
    """Return the tensors of a header in the order of their bytes, which must be all of ``size`` without gaps.

    Raises:
      ValueError: saying what is wrong.
    """
    if not isinstance(header, dict):
        raise ValueError("its header is no object")  # noqa: TRY004 - it is the bytes that are wrong
    about = header.get(_METADATA, {})
    if not isinstance(about, dict) or not all(isinstance(each, str) for each in about.values()):
        raise ValueError(f"its {_METADATA} are no texts")
    found = [(name, _entry(name, value)) for name, value in header.items() if name != _METADATA]
    found.sort(key=lambda each: (each[1].begin, each[1].end))
    at = 0
    for name, entry in found:
        if entry.begin != at:
            raise ValueError(f"tensor {name!r} begins at {entry.begin}, where {at} is due")
        at = entry.end
    if at != size:
        raise ValueError(f"it has {size} bytes of data, its header says {at}; it is torn")
    return found


def _entry(name: str, value: object) -> _Entry:
    name.encode()  # half a character is no name
    if not isinstance(value, dict):
        raise ValueError(f"tensor {name!r} has no description")  # noqa: TRY004 - as above
    dtype, shape, offsets = value.get("dtype"), value.get("shape"), value.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in _TYPES:
        raise ValueError(f"tensor {name!r} is of no known dtype")
    if not _is_sizes(shape) or not _is_sizes(offsets):
        raise ValueError(f"tensor {name!r} has a shape or data_offsets that are no sizes")
    begin, end = offsets
    entry = _Entry(np.dtype(_TYPES[dtype]), tuple(shape), begin, end)
    if entry.end - entry.begin != math.prod(entry.shape) * entry.dtype.itemsize:
        raise ValueError(f"tensor {name!r} has data_offsets that do not fit its shape")
    return entry


def _is_sizes(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(each) is int and each >= 0 for each in value)


def _tensor(data: bytes | memoryview, begin: int, entry: _Entry) -> Array:
    return np.ndarray(entry.shape, entry.dtype, data, begin + entry.begin)
