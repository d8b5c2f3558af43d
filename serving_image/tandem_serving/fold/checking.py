"""Whether a chain's steps fit together: every reference is there, and every width follows."""

from collections.abc import Callable, Mapping, Sequence
from math import prod

from tandem_wire.errors import InvalidValue

from tandem_serving.fold.steps import Step

_Block = tuple[int, int]
"""Rows per sample, and width."""


def check_chain(
    chain: Sequence[Step], features: Mapping[str, int], slots: Sequence[tuple[int, ...]], outputs: Sequence[str]
) -> None:
    """Follow a chain's shapes from its features to its outputs.

    Args:
      chain: the steps.
      features: width by name.
      slots: shapes.
      outputs: names; ``v:NAME`` must be one column.

    Raises:
      InvalidValue: naming the step and what does not fit.
    """
    values: dict[str, _Block] = {f"f:{name}": (1, width) for name, width in features.items()}
    for i, step in enumerate(chain):
        where = f"chain[{i}]"
        if step.out in values:
            raise InvalidValue(f"{where}.out", f"{step.out} was made before; each value is made once")
        values[step.out] = _follow(step, values, slots, where)
    for name in outputs:
        if values.get(f"v:{name}") != (1, 1):
            raise InvalidValue("chain", f"no step makes v:{name} with one column")


def _follow(step: Step, values: Mapping[str, _Block], slots: Sequence[tuple[int, ...]], where: str) -> _Block:
    row = step.inputs[-1].startswith("s:") and step.op in ("add", "mul")
    blocks = [_value(ref, values, f"{where}.in") for ref in (step.inputs[:-1] if row else step.inputs)]
    if row:
        shape = _slot(step.inputs[-1], slots, f"{where}.in")
        if prod(shape) != (shape[-1] if shape else 1):
            raise InvalidValue(f"{where}.in", f"{step.inputs[-1]} has shape {list(shape)}; it must be one row")
        blocks.append((blocks[0][0], prod(shape)))
    return _FOLLOW.get(step.op, _same)(step, blocks, slots, where)


def _value(ref: str, values: Mapping[str, _Block], where: str) -> _Block:
    if ref not in values:
        raise InvalidValue(where, f"{ref} is no feature and is made by no step before")
    return values[ref]


def _slot(ref: str | None, slots: Sequence[tuple[int, ...]], where: str) -> tuple[int, ...]:
    kind, _, index = (ref or "").partition(":")
    if kind != "s" or not index.isdecimal() or int(index) >= len(slots):
        raise InvalidValue(where, f"{ref!r} is no slot; they are s:0 to s:{len(slots) - 1}")
    return slots[int(index)]


def _same(_: Step, blocks: Sequence[_Block], __: Sequence[tuple[int, ...]], ___: str) -> _Block:
    return blocks[0]


def _concat(_: Step, blocks: Sequence[_Block], __: Sequence[tuple[int, ...]], where: str) -> _Block:
    if len({rows for rows, _ in blocks}) > 1:
        raise InvalidValue(f"{where}.in", "have different rows per sample")
    return blocks[0][0], sum(width for _, width in blocks)


def _dense(step: Step, blocks: Sequence[_Block], slots: Sequence[tuple[int, ...]], where: str) -> _Block:
    (rows, width), kernel = blocks[0], _slot(step.kernel, slots, f"{where}.kernel")
    if len(kernel) != 2 or kernel[0] != width:  # noqa: PLR2004
        raise InvalidValue(
            f"{where}.kernel", f"{step.kernel} has shape {list(kernel)}; {step.inputs[0]} is {width} wide"
        )
    if step.bias is not None:
        bias = _slot(step.bias, slots, f"{where}.bias")
        if bias != kernel[1:]:
            raise InvalidValue(f"{where}.bias", f"{step.bias} has shape {list(bias)}, must have {[kernel[1]]}")
    return rows, kernel[1]


def _pair(step: Step, blocks: Sequence[_Block], _: Sequence[tuple[int, ...]], where: str) -> _Block:
    (rows, a), (others, b) = blocks
    if rows != others or (a != b and (1 not in (a, b) or step.op == "dot")):
        raise InvalidValue(f"{where}.in", f"{step.inputs[0]} and {step.inputs[1]} do not fit: widths {a} and {b}")
    return rows, 1 if step.op == "dot" else max(a, b)


def _slice(step: Step, blocks: Sequence[_Block], _: Sequence[tuple[int, ...]], where: str) -> _Block:
    (rows, width), begin, size = blocks[0], step.begin or 0, step.size or 0
    if begin < 0 or size < 1 or begin + size > width:
        raise InvalidValue(where, f"takes columns {begin} to {begin + size} of {step.inputs[0]}, which is {width} wide")
    return rows, size


def _reshape(step: Step, blocks: Sequence[_Block], _: Sequence[tuple[int, ...]], where: str) -> _Block:
    (rows, width), wanted = blocks[0], step.width or 0
    if wanted < 1 or rows * width % wanted:
        raise InvalidValue(f"{where}.width", f"{wanted} does not divide a sample of {rows * width}")
    return rows * width // wanted, wanted


_FOLLOW: Mapping[str, Callable[[Step, Sequence[_Block], Sequence[tuple[int, ...]], str], _Block]] = {
    "concat": _concat,
    "dense": _dense,
    "add": _pair,
    "mul": _pair,
    "dot": _pair,
    "slice": _slice,
    "reshape": _reshape,
}
