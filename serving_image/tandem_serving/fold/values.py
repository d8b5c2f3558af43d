"""Values of small integer tensors, which are how graphs compute shapes; they may depend on the batch.

With them the dozen nodes around each dense layer of rank three become one constant.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tensorflow.python.framework import tensor_util

from tandem_serving.fold.sizes import Length, Shape, Size, integers, minus, over, plus, product, times
from tandem_serving.fold.slicing import masks

MOST = 64
"""Longer tensors are no shapes."""

Value = tuple[Length, ...]
Known = tuple[Shape | None, Value | None]


def evaluate(op: str, attrs: Mapping[str, Any], inputs: Sequence[Known]) -> Value | None:
    """Return the elements of an integer operation's output in row-major order, or None where they can't be told."""
    if op == "Const":
        return _constant(attrs)
    if op in _OF_SHAPES:
        shape = inputs[0][0]
        return None if shape is None else _OF_SHAPES[op](shape)
    rule = _OF_VALUES.get(op)
    values = [value for _, value in inputs if value is not None]
    if rule is None or len(values) < len(inputs) or not all(_flat(shape) for shape, _ in inputs):
        return None
    found = rule(attrs, values)
    return found if found is not None and len(found) <= MOST else None


def _flat(shape: Shape | None) -> bool:
    return shape is not None and len(shape) <= 1


def _constant(attrs: Mapping[str, Any]) -> Value | None:
    shape = attrs["value"].tensor.tensor_shape
    count = product(Size(dim.size) for dim in shape.dim)
    if count is None or count.units > MOST:
        return None
    try:
        return tuple(Size(int(n)) for n in tensor_util.MakeNdarray(attrs["value"].tensor).ravel())
    except (TypeError, ValueError):  # its bytes are not of its type and shape
        return None


def _join(_: Mapping[str, Any], values: Sequence[Value]) -> Value:
    return tuple(item for value in values for item in value)


def _pack(attrs: Mapping[str, Any], values: Sequence[Value]) -> Value | None:
    return _join(attrs, values) if all(len(value) == 1 for value in values) else None


def _same(_: Mapping[str, Any], values: Sequence[Value]) -> Value:
    return values[0]


def _gather(attrs: Mapping[str, Any], values: Sequence[Value]) -> Value | None:
    at = integers(values[1])
    if at is None or ("batch_dims" in attrs and attrs["batch_dims"].i):
        return None
    return tuple(values[0][i] for i in at) if all(0 <= i < len(values[0]) for i in at) else None


def _strided_slice(attrs: Mapping[str, Any], values: Sequence[Value]) -> Value | None:
    mask = masks(attrs)
    plain = [integers(value) for value in values[1:]]
    if mask["ellipsis_mask"] or mask["new_axis_mask"] or any(value is None or len(value) != 1 for value in plain):
        return None
    (begin,), (end,), (step,) = (value or () for value in plain)
    if mask["shrink_axis_mask"]:
        return (values[0][begin],) if -len(values[0]) <= begin < len(values[0]) else None
    return values[0][slice(None if mask["begin_mask"] else begin, None if mask["end_mask"] else end, step)]


def _prod(_: Mapping[str, Any], values: Sequence[Value]) -> Value | None:
    axes = integers(values[1])
    if axes == () and len(values[0]) != 1:  # nothing is reduced
        return values[0]
    return (product(values[0]),) if axes is not None else None


def _range(_: Mapping[str, Any], values: Sequence[Value]) -> Value | None:
    plain = [integers(value) for value in values]
    if any(value is None for value in plain):
        return None
    (start,), (limit,), (delta,) = (value or () for value in plain)
    return tuple(Size(n) for n in range(start, limit, delta)) if delta else None


def _fill(_: Mapping[str, Any], values: Sequence[Value]) -> Value | None:
    count = product(values[0])
    return None if count is None or count.batch or count.units > MOST else values[1] * count.units


def _elementwise(operation: Callable[[Length, Length], Length]) -> "_Rule":
    def rule(_: Mapping[str, Any], values: Sequence[Value]) -> Value | None:
        a, b = values
        length = max(len(a), len(b))
        if {len(a), len(b)} - {1, length}:
            return None
        pairs = zip(a * length if len(a) == 1 else a, b * length if len(b) == 1 else b, strict=False)
        return tuple(operation(x, y) for x, y in pairs)

    return rule


_Rule = Callable[[Mapping[str, Any], Sequence[Value]], Value | None]
_OF_SHAPES: dict[str, Callable[[Shape], Value]] = {
    "Shape": lambda shape: shape,
    "Size": lambda shape: (product(shape),),
    "Rank": lambda shape: (Size(len(shape)),),
}
_OF_VALUES: dict[str, _Rule] = {
    "AddV2": _elementwise(plus),
    "Cast": _same,
    "ConcatV2": lambda attrs, values: _join(attrs, values[:-1]),
    "ExpandDims": _same,
    "Fill": _fill,
    "FloorDiv": _elementwise(over),
    "GatherV2": _gather,
    "Identity": _same,
    "Mul": _elementwise(times),
    "Pack": _pack,
    "Prod": _prod,
    "Range": _range,
    "Reshape": _same,
    "Squeeze": _same,
    "StridedSlice": _strided_slice,
    "Sub": _elementwise(minus),
}
