"""Shapes of the outputs of TensorFlow's operations, for those that dense graphs are made of."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tandem_serving.fold.sizes import ONE, Length, Shape, Size, broadcast, integers, minus, over, plus, product, times
from tandem_serving.fold.slicing import masks, strided


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


UNARY = _set(
    "Abs Cast Ceil CheckNumerics Cos Elu EnsureShape Erf Exp Expm1 Floor Identity Inv IsFinite IsInf IsNan "
    "LeakyRelu Log Log1p LogSoftmax LogicalNot Neg OnesLike PlaceholderWithDefault PreventGradient Reciprocal "
    "Relu Relu6 Rint Round Rsqrt Selu Sigmoid Sign Sin Snapshot Softmax Softplus Softsign Sqrt Square "
    "StopGradient Tanh ZerosLike"
)
# A softmax mixes the elements of a row, so that it may not be moved past a change of shape.
ELEMENTWISE = UNARY - _set("EnsureShape Softmax LogSoftmax")
COMPARISONS = _set(
    "Equal Greater GreaterEqual IsFinite IsInf IsNan Less LessEqual LogicalAnd LogicalNot LogicalOr NotEqual"
)
BINARY = (COMPARISONS - UNARY) | _set(
    "Add AddV2 Atan2 Div DivNoNan FloorDiv FloorMod Maximum Minimum Mod Mul MulNoNan Pow RealDiv SquaredDifference Sub "
    "Xdivy Xlogy"
)
REDUCTIONS = _set("All Any Max Mean Min Prod Sum")

Values = tuple[Length, ...] | None


class _Call:
    """One operation: attributes, and what is known of its inputs."""

    __slots__ = ("attrs", "shapes", "values")

    def __init__(self, attrs: Mapping[str, Any], shapes: Sequence[Shape | None], values: Sequence[Values]) -> None:
        self.attrs = attrs
        self.shapes = shapes
        self.values = values

    def shape(self, i: int) -> Shape:
        """Return a shape; a rank that is not known ends the inference."""
        found = self.shapes[i]
        if found is None:
            raise _Unknown
        return found

    def ints(self, i: int) -> tuple[int, ...]:
        value = self.values[i]
        found = None if value is None else integers(value)
        if found is None:
            raise _Unknown
        return found

    def axis(self, i: int, rank: int) -> int:
        (axis,) = self.ints(i)
        return axis % rank

    def number(self, name: str, default: int = 0) -> int:
        return int(self.attrs[name].i) if name in self.attrs else default

    def flag(self, name: str) -> bool:
        return bool(self.attrs[name].b) if name in self.attrs else False


class _Unknown(Exception):  # noqa: N818 - it ends one inference, nothing is wrong
    pass


def known(op: str) -> bool:
    """Return whether the shapes of this operation are told here, and its type is its attribute ``T``."""
    return op in _RULES


def outputs(
    op: str, attrs: Mapping[str, Any], shapes: Sequence[Shape | None], values: Sequence[Values]
) -> tuple[Shape | None, ...] | None:
    """Return the shape of each output, or None where the operation is unknown or its inputs tell too little."""
    rule = _RULES.get(op)
    if rule is None:
        return None
    try:
        return rule(_Call(attrs, shapes, values))
    except (_Unknown, IndexError, KeyError, ValueError, ZeroDivisionError):
        return None


def _constant(call: _Call) -> tuple[Shape, ...]:
    return (tuple(Size(dim.size) for dim in call.attrs["value"].tensor.tensor_shape.dim),)


def _same(call: _Call) -> tuple[Shape, ...]:
    return (call.shape(0),)


def _all_same(call: _Call) -> tuple[Shape | None, ...]:
    return tuple(call.shapes)


def _broadcast(call: _Call) -> tuple[Shape, ...]:
    shape = call.shape(0)
    for i in range(1, len(call.shapes)):
        shape = broadcast(shape, call.shape(i))
    return (shape,)


def _matmul(call: _Call) -> tuple[Shape, ...]:
    (a, b), (c, d) = call.shape(0), call.shape(1)
    a, b = (b, a) if call.flag("transpose_a") else (a, b)
    c, d = (d, c) if call.flag("transpose_b") else (c, d)
    return ((a, _fitting(b, c, d)),)


def _fitting(b: Length, c: Length, d: Length) -> Length:
    """Return ``d`` where a product over axes of lengths ``b`` and ``c`` can be."""
    if b is not None and c is not None and b != c:
        raise _Unknown
    return d


def _batch_matmul(call: _Call) -> tuple[Shape, ...]:
    *more_x, a, b = call.shape(0)
    *more_y, c, d = call.shape(1)
    a, b = (b, a) if call.flag("adj_x") else (a, b)
    c, d = (d, c) if call.flag("adj_y") else (c, d)
    return ((*broadcast(tuple(more_x), tuple(more_y)), a, _fitting(b, c, d)),)


def _concat(call: _Call) -> tuple[Shape, ...]:
    parts = [call.shape(i) for i in range(len(call.shapes) - 1)]
    axis = call.axis(-1, len(parts[0]))
    total: Length = parts[0][axis]
    for part in parts[1:]:
        total = plus(total, part[axis])
    return ((*parts[0][:axis], total, *parts[0][axis + 1 :]),)


def _reshape(call: _Call) -> tuple[Shape, ...]:
    asked = call.values[1]
    if asked is None:
        (rank,) = integers(call.shape(1)) or ()
        return ((None,) * rank,)
    if Size(-1) not in asked:
        return (asked,)
    rest = product(size for size in asked if size != Size(-1))
    left = over(product(call.shape(0)), rest)
    return (tuple(left if size == Size(-1) else size for size in asked),)


def _squeeze(call: _Call) -> tuple[Shape, ...]:
    shape = call.shape(0)
    axes = {axis % len(shape) for axis in call.attrs["squeeze_dims"].list.i}
    if not axes:  # it then depends on the batch, which may be one
        raise _Unknown
    return (tuple(size for i, size in enumerate(shape) if i not in axes),)


def _expand(call: _Call) -> tuple[Shape, ...]:
    shape = call.shape(0)
    axis = call.axis(1, len(shape) + 1)
    return ((*shape[:axis], ONE, *shape[axis:]),)


def _transpose(call: _Call) -> tuple[Shape, ...]:
    shape = call.shape(0)
    return (tuple(shape[axis] for axis in call.ints(1)),)


def _gather(call: _Call) -> tuple[Shape, ...]:
    if call.number("batch_dims"):
        raise _Unknown
    shape = call.shape(0)
    axis = call.axis(2, len(shape))
    return ((*shape[:axis], *call.shape(1), *shape[axis + 1 :]),)


def _reduce(call: _Call) -> tuple[Shape, ...]:
    shape = call.shape(0)
    axes = {axis % len(shape) for axis in call.ints(1)}
    if call.flag("keep_dims"):
        return (tuple(ONE if i in axes else size for i, size in enumerate(shape)),)
    return (tuple(size for i, size in enumerate(shape) if i not in axes),)


def _pack(call: _Call) -> tuple[Shape, ...]:
    shape = call.shape(0)
    axis = call.number("axis") % (len(shape) + 1)
    return ((*shape[:axis], Size(len(call.shapes)), *shape[axis:]),)


def _unpack(call: _Call) -> tuple[Shape, ...]:
    shape = call.shape(0)
    axis = call.number("axis") % len(shape)
    return ((*shape[:axis], *shape[axis + 1 :]),) * call.number("num")


def _split(call: _Call) -> tuple[Shape, ...]:
    shape, parts = call.shape(1), call.number("num_split")
    axis = call.axis(0, len(shape))
    return ((*shape[:axis], over(shape[axis], Size(parts)), *shape[axis + 1 :]),) * parts


def _split_sizes(call: _Call) -> tuple[Shape, ...]:
    shape, sizes = call.shape(0), call.ints(1)
    axis = call.axis(2, len(shape))
    rest = minus(shape[axis], Size(sum(size for size in sizes if size >= 0)))
    return tuple((*shape[:axis], Size(n) if n >= 0 else rest, *shape[axis + 1 :]) for n in sizes)


def _slice(call: _Call) -> tuple[Shape, ...]:
    begin, size = call.ints(1), call.ints(2)
    return (
        tuple(
            Size(n) if n >= 0 else minus(length, Size(start)) if start else length
            for length, start, n in zip(call.shape(0), begin, size, strict=True)
        ),
    )


def _strided_slice(call: _Call) -> tuple[Shape, ...]:
    return (strided(call.shape(0), call.ints(1), call.ints(2), call.ints(3), masks(call.attrs)),)


def _tile(call: _Call) -> tuple[Shape, ...]:
    return (tuple(times(size, Size(n)) for size, n in zip(call.shape(0), call.ints(1), strict=True)),)


def _by_value(call: _Call, i: int) -> tuple[Shape, ...]:
    value = call.values[i]
    if value is None:
        raise _Unknown
    return (value,)


def _range(call: _Call) -> tuple[Shape, ...]:
    (start,), (limit,), (delta,) = call.ints(0), call.ints(1), call.ints(2)
    return ((Size(len(range(start, limit, delta))),),)


def _shapes(call: _Call) -> tuple[Shape, ...]:
    return tuple((Size(len(call.shape(i))),) for i in range(len(call.shapes)))


_Rule = Callable[[_Call], tuple[Shape | None, ...]]
_RULES: dict[str, _Rule] = (
    dict.fromkeys(UNARY, _same)
    | dict.fromkeys(BINARY, _broadcast)
    | dict.fromkeys(REDUCTIONS, _reduce)
    | dict.fromkeys(("BatchMatMul", "BatchMatMulV2"), _batch_matmul)
    | {
        "AddN": _same,
        "BiasAdd": _same,
        "BroadcastTo": lambda call: _by_value(call, 1),
        "ConcatV2": _concat,
        "Const": _constant,
        "ExpandDims": _expand,
        "Fill": lambda call: _by_value(call, 0),
        "FusedBatchNormV3": _same,
        "GatherV2": _gather,
        "IdentityN": _all_same,
        "MatMul": _matmul,
        "Pack": _pack,
        "Range": _range,
        "Rank": lambda _: ((),),
        "Reshape": _reshape,
        "SelectV2": _broadcast,
        "Shape": _shapes,
        "Size": lambda _: ((),),
        "Slice": _slice,
        "Split": _split,
        "SplitV": _split_sizes,
        "Squeeze": _squeeze,
        "StridedSlice": _strided_slice,
        "Tile": _tile,
        "Transpose": _transpose,
        "Unpack": _unpack,
    }
)
