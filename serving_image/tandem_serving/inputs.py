"""What a request's inputs must be, checked against the model's contract; messages name the input and the remedy.

The engine checks gRPC's requests by itself, in the same words; these are for REST, whose JSON is read here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from tandem_wire.model import DType, InputSpec, ModelSpec, Side

from tandem_serving.errors import BadRequest

Input = npt.NDArray[Any]
"""int64, float32, or an object array of bytes."""
Floats = npt.NDArray[np.float32]
SIGNATURE = "serving_default"


def check_signature(name: str) -> None:
    """Refuse any signature but the one that there is.

    Raises:
      BadRequest: naming it.
    """
    if name not in ("", SIGNATURE):
        raise BadRequest(f"signature_name {name!r} is unknown; leave it out, or send {SIGNATURE!r}")


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
    """Check shapes and values; every input comes out as (batch, length), one of the user's side maybe as (1, length).

    Raises:
      BadRequest: a shape does not fit, batches differ, a value is not finite, or there are too many rows.
    """
    checked = {each.name: _shaped(each, arrays[each.name]) for each in spec.inputs}
    rows = rows_of(spec, checked)
    for other in spec.inputs:
        count = len(checked[other.name])
        if count != rows and not (other.side is Side.USER and count == 1):
            raise BadRequest(_differ(spec, checked, other))
    if rows > most_rows:
        raise BadRequest(f"the request has {rows} rows, at most {most_rows} are taken at once; split it")
    return checked


def rows_of(spec: ModelSpec, arrays: Mapping[str, Input]) -> int:
    """Return how many rows a request has: one row of a user's side may stand beside many."""
    return len(arrays[_counting(spec, arrays).name])


def _counting(spec: ModelSpec, arrays: Mapping[str, Input]) -> InputSpec:
    """Return the input that says how many: the first of the items' side, else the first that has not just one row."""
    items = [given for given in spec.inputs if given.side is Side.ITEM]
    return next(iter(items), next((given for given in spec.inputs if len(arrays[given.name]) != 1), spec.inputs[0]))


def _differ(spec: ModelSpec, arrays: Mapping[str, Input], other: InputSpec) -> str:
    a, b = sorted((_counting(spec, arrays), other), key=spec.inputs.index)
    user = ", or one if of the user's side" if Side.USER in (a.side, b.side) else ""
    return (
        f"input {a.name!r} has {len(arrays[a.name])} rows, but {b.name!r} has {len(arrays[b.name])}; "
        f"all inputs must have as many{user}"
    )


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


def _quoted(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
