"""Requests into arrays, checked against the model's contract; every message names the input and the remedy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from tandem_wire.model import DType, InputSpec, ModelSpec
from tensorflow.core.framework import tensor_pb2, types_pb2

from tandem_serving.errors import BadRequest

Input = npt.NDArray[Any]
"""int64, float32, or an object array of bytes."""

_WIRE = {DType.INT64: types_pb2.DT_INT64, DType.STRING: types_pb2.DT_STRING, DType.FLOAT32: types_pb2.DT_FLOAT}
_REPEATED_MOST = 1 << 20
_NUMPY: Mapping[DType, npt.DTypeLike] = {DType.INT64: np.dtype("<i8"), DType.FLOAT32: np.dtype("<f4")}


def wire_type(dtype: DType) -> int:
    """The DataType of TensorFlow's protocol."""
    return int(_WIRE[dtype])


def decode(spec: ModelSpec, tensors: Mapping[str, "tensor_pb2.TensorProto"], most_rows: int) -> dict[str, Input]:
    """Read the inputs of a Predict request and check them.

    Raises:
      BadRequest: an input is missing, unknown, or of a wrong type, shape or value.
    """
    check_names(spec, tensors)
    return check(spec, {each.name: _from_proto(each, tensors[each.name]) for each in spec.inputs}, most_rows)


def check_names(spec: ModelSpec, given: Mapping[str, object]) -> None:
    """Refuse inputs that are missing or unknown.

    Raises:
      BadRequest: naming them.
    """
    names = [each.name for each in spec.inputs]
    missing = [name for name in names if name not in given]
    unknown = sorted(name for name in given if name not in names)
    if missing:
        raise BadRequest(f"input {_quoted(missing)} is missing; the model takes {_quoted(names)}")
    if unknown:
        raise BadRequest(f"input {_quoted(unknown)} is unknown; the model takes {_quoted(names)}: leave the others out")


def check(spec: ModelSpec, arrays: Mapping[str, Input], most_rows: int) -> dict[str, Input]:
    """Check shapes and values; every input comes out as (batch, length).

    Raises:
      BadRequest: a shape does not fit, batches differ, a value is not finite, or there are too many rows.
    """
    checked = {each.name: _shaped(each, arrays[each.name]) for each in spec.inputs}
    first, *others = spec.inputs
    rows = len(checked[first.name])
    for other in others:
        if len(checked[other.name]) != rows:
            raise BadRequest(
                f"input {first.name!r} has {rows} rows, but {other.name!r} has {len(checked[other.name])}; "
                "all inputs must have as many"
            )
    if rows > most_rows:
        raise BadRequest(f"the request has {rows} rows, at most {most_rows} are taken at once; split it")
    return checked


def _shaped(spec: InputSpec, array: Input) -> Input:
    if array.ndim == 1 and spec.length == 1:
        array = array[:, None]
    if array.shape[1:] != (spec.length,):
        also = " or (batch,)" if spec.length == 1 else ""
        raise BadRequest(f"input {spec.name!r} has shape {array.shape}; it must be (batch, {spec.length}){also}")
    if spec.dtype is DType.FLOAT32 and not np.isfinite(array).all():
        row, column = (int(index[0]) for index in np.nonzero(~np.isfinite(array)))
        raise BadRequest(
            f"input {spec.name!r} has {array[row, column]} in row {row}, column {column}; send finite numbers only"
        )
    return array


def _from_proto(spec: InputSpec, tensor: "tensor_pb2.TensorProto") -> Input:
    if tensor.dtype != _WIRE[spec.dtype]:
        given = (
            types_pb2.DataType.Name(tensor.dtype) if tensor.dtype in types_pb2.DataType.values() else str(tensor.dtype)
        )
        raise BadRequest(f"input {spec.name!r} is {given}; it must be {types_pb2.DataType.Name(_WIRE[spec.dtype])}")
    if tensor.tensor_shape.unknown_rank:
        raise BadRequest(f"input {spec.name!r} has no shape; send one")
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if any(size < 0 for size in shape):
        raise BadRequest(f"input {spec.name!r} has shape {shape}; sizes must not be negative")
    count = int(np.prod(shape, dtype=object)) if shape else 1
    values = _strings(tensor) if spec.dtype is DType.STRING else _numbers(spec, tensor)
    if len(values) != count:
        values = _repeated(spec, values, shape, count)
    return values.reshape(shape)


def _strings(tensor: "tensor_pb2.TensorProto") -> Input:
    values = np.empty(len(tensor.string_val), object)
    values[:] = tensor.string_val
    return values


def _numbers(spec: InputSpec, tensor: "tensor_pb2.TensorProto") -> Input:
    dtype = np.dtype(_NUMPY[spec.dtype])
    if not tensor.tensor_content:
        return np.array(tensor.int64_val if spec.dtype is DType.INT64 else tensor.float_val, dtype)
    if len(tensor.tensor_content) % dtype.itemsize:
        raise BadRequest(
            f"input {spec.name!r}: tensor_content has {len(tensor.tensor_content)} bytes, "
            f"no multiple of {dtype.itemsize}"
        )
    return np.frombuffer(tensor.tensor_content, dtype)


def _repeated(spec: InputSpec, values: Input, shape: tuple[int, ...], count: int) -> Input:
    """TensorFlow's short form: one value stands for all; bounded, so that a short body can't ask for much memory."""
    if len(values) == 1 and count <= _REPEATED_MOST:
        return np.repeat(values, count)
    raise BadRequest(f"input {spec.name!r} has {len(values)} values for shape {shape}; send exactly {count}")


def _quoted(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
