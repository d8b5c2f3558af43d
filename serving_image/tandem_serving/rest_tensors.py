"""TensorFlow Serving's JSON: row form (``instances``), column form (``inputs``), bytes as ``{"b64": …}``; and back."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from tandem_wire.model import DType, InputSpec, ModelSpec

from tandem_serving.errors import BadRequest
from tandem_serving.inputs import Floats, Input, check, check_names, check_signature


@dataclass(frozen=True, slots=True)
class Body:
    """A decoded ``:predict`` request; the answer takes the same form."""

    inputs: Mapping[str, Input]
    by_row: bool


def read(spec: ModelSpec, data: bytes, most_rows: int) -> Body:
    """Decode and check the body of a ``:predict`` request.

    Raises:
      BadRequest: not JSON, neither form, or an input that is missing, unknown or wrong.
    """
    body = read_object(data)
    if ("instances" in body) == ("inputs" in body):
        raise BadRequest(
            'the body must be an object with either "instances" (a list of rows) or "inputs" (columns by name)'
        )
    unknown = sorted(body.keys() - {"instances", "inputs", "signature_name"})
    if unknown:
        raise BadRequest(f'the body has {unknown[0]!r}; it may have "signature_name" and one of "instances", "inputs"')
    check_signature(text(body.get("signature_name", "")))
    by_row = "instances" in body
    columns = _columns_of_rows(spec, body["instances"]) if by_row else _columns(spec, body["inputs"])
    arrays = {each.name: _array(each, columns[each.name]) for each in spec.inputs}
    return Body(check(spec, arrays, most_rows), by_row)


def read_object(data: bytes) -> dict[str, Any]:
    """Decode a body, which must be a JSON object of finite numbers.

    Raises:
      BadRequest: it is none.
    """
    try:
        body = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    return body


def text(value: object) -> str:
    """Return the name of a signature.

    Raises:
      BadRequest: it is no string.
    """
    if not isinstance(value, str):
        raise BadRequest('"signature_name" must be a string')
    return value


def as_bytes(value: object) -> bytes:
    """Return the bytes of a string, or of an object that has them in base64.

    Raises:
      BadRequest: it is neither; the caller puts its name before the words.
    """
    if isinstance(value, str):
        return value.encode(errors="surrogatepass")
    if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except ValueError as error:
            raise BadRequest(f"has {value['b64']!r}, which is not base64: {error}") from error
    raise BadRequest(f'must have strings, or {{"b64": …}} for bytes, not {value!r}')


def write(outputs: Mapping[str, Floats], *, by_row: bool) -> bytes:
    """Write the answer in the form of the request; a single output stands without its name."""
    single = len(outputs) == 1
    lists = {name: output.tolist() for name, output in outputs.items()}
    if by_row:
        rows = (
            next(iter(lists.values()))
            if single
            else [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        )
        return json.dumps({"predictions": rows}, allow_nan=False).encode()
    return json.dumps({"outputs": next(iter(lists.values())) if single else lists}, allow_nan=False).encode()


def _columns(spec: ModelSpec, given: object) -> Mapping[str, object]:
    if not isinstance(given, dict):
        if len(spec.inputs) != 1:
            raise BadRequest('"inputs" must be an object from input name to values')
        given = {spec.inputs[0].name: given}
    check_names(spec, given)
    return given


def _columns_of_rows(spec: ModelSpec, rows: object) -> Mapping[str, object]:
    if not isinstance(rows, list) or not rows:
        raise BadRequest('"instances" must be a list with at least one row')
    columns: dict[str, list[object]] = {each.name: [] for each in spec.inputs}
    for number, row in enumerate(rows):
        named = row if isinstance(row, dict) and set(row) != {"b64"} else None
        if named is None:
            if len(columns) != 1:
                raise BadRequest(f"instances[{number}] must be an object from input name to value")
            named = {spec.inputs[0].name: row}
        try:
            check_names(spec, named)
        except BadRequest as error:
            raise BadRequest(f"instances[{number}]: {error}") from error
        for name, value in named.items():
            columns[name].append(value)
    return columns


def _array(spec: InputSpec, values: object) -> Input:
    if spec.dtype is DType.STRING:
        return _string_array(spec, values)
    try:
        array = np.array(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRequest(
            f"input {spec.name!r}: rows have different lengths; every row must have {spec.length} values"
        ) from error
    if array.size == 0:
        return np.zeros(array.shape, np.int64 if spec.dtype is DType.INT64 else np.float32)
    if spec.dtype is DType.INT64:
        if array.dtype != np.int64:
            raise BadRequest(f"input {spec.name!r} must have integers that fit into 64 bits, not {_called(array)}")
        return array
    if array.dtype.kind not in "iuf":
        raise BadRequest(f"input {spec.name!r} must have numbers, not {_called(array)}")
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _string_array(spec: InputSpec, values: object) -> Input:
    shape = _shape(values)
    if not _has_shape(values, shape):
        raise BadRequest(f"input {spec.name!r}: rows have different lengths; every row must have {spec.length} values")
    flat = np.empty(int(np.prod(shape)), dtype=object)
    try:
        flat[:] = [as_bytes(each) for each in _leaves(values)]
    except BadRequest as error:
        raise BadRequest(f"input {spec.name!r} {error}") from error
    return flat.reshape(shape)


def _leaves(values: object) -> Iterator[object]:
    if isinstance(values, list):
        for each in values:
            yield from _leaves(each)
    else:
        yield values


def _shape(values: object) -> tuple[int, ...]:
    if not isinstance(values, list):
        return ()
    return (len(values), *(_shape(values[0]) if values else ()))


def _has_shape(values: object, shape: tuple[int, ...]) -> bool:
    if not shape:
        return not isinstance(values, list)
    return isinstance(values, list) and len(values) == shape[0] and all(_has_shape(each, shape[1:]) for each in values)


def _called(array: Input) -> str:
    kinds = {
        "U": "strings",
        "b": "true or false",
        "O": "mixed values or numbers too large",
        "f": "fractions",
        "u": "numbers too large",
    }
    return kinds.get(array.dtype.kind, str(array.dtype))


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequest(f"the body has {name}; send finite numbers only")
