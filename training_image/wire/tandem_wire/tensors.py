"""safetensors bytes to and from numpy, with the checks that the format asks for."""

import json
from collections.abc import Mapping

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from tandem_wire.errors import InvalidValue, Refused

Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]
Tensors = dict[str, Array]
DTYPES = frozenset(
    {"bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"}
)
_HEADER = 8


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


def unpack(data: bytes, called: str = "tensors") -> Tensors:
    """Read safetensors; the arrays are read-only.

    Raises:
      Refused: not safetensors, a name that stands twice, another dtype, or a value that is not finite.
    """
    _check_names(data, called)
    try:
        tensors: Tensors = safetensors.numpy.load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise Refused(called, f"is not safetensors: {error}") from error
    for name, tensor in tensors.items():
        if tensor.dtype.name not in DTYPES:
            raise Refused(called, f"tensor {name} has dtype {tensor.dtype.name}, which is not one of the format's")
        if not _finite(tensor):
            raise Refused(called, f"tensor {name} has values that are not finite")
        tensor.flags.writeable = False
    return tensors


def _finite(tensor: Array) -> bool:
    return tensor.dtype.kind != "f" or bool(np.isfinite(tensor).all())


def _check_names(data: bytes, called: str) -> None:
    """A header may hold a name twice, which a JSON reader would pass over in silence."""
    size = int.from_bytes(data[:_HEADER], "little")
    if len(data) < _HEADER or size > len(data) - _HEADER:
        raise Refused(called, "is not safetensors: it is torn")

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Refused(called, "has a tensor name that stands twice")
        return dict(pairs)

    try:
        json.loads(data[_HEADER : _HEADER + size], object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Refused(called, f"is not safetensors: its header is not JSON: {error}") from error
