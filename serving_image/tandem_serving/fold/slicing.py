"""What TensorFlow's StridedSlice takes of a tensor."""

from collections.abc import Mapping, Sequence
from typing import Any

from tandem_serving.fold.sizes import ONE, Length, Shape, Size


def masks(attrs: Mapping[str, Any]) -> dict[str, int]:
    """Return the masks of a StridedSlice by name."""
    names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return {name: int(attrs[name].i) if name in attrs else 0 for name in names}


def strided(
    shape: Shape, begin: Sequence[int], end: Sequence[int], strides: Sequence[int], mask: Mapping[str, int]
) -> Shape:
    """Return the shape of ``x[begin:end:strides]``; see TensorFlow's StridedSlice for the masks."""

    def has(name: str, i: int) -> bool:
        return bool(mask[name] >> i & 1)

    taken = sum(not has("new_axis_mask", i) and not has("ellipsis_mask", i) for i in range(len(begin)))
    rest = list(shape)
    result: list[Length] = []
    for i, (start, stop, step) in enumerate(zip(begin, end, strides, strict=True)):
        if has("ellipsis_mask", i):
            skipped = len(shape) - taken
            result += rest[:skipped]
            rest = rest[skipped:]
        elif has("new_axis_mask", i):
            result.append(ONE)
        else:
            length = rest.pop(0)
            if has("shrink_axis_mask", i):
                continue
            first = None if has("begin_mask", i) else start
            until = None if has("end_mask", i) else stop
            result.append(_cut(length, slice(first, until, step)))
    return (*result, *rest)


def _cut(length: Length, taken: slice) -> Length:
    if taken in (slice(None, None, 1), slice(0, None, 1), slice(None, None, -1)):
        return length
    return None if length is None or length.batch else Size(len(range(*taken.indices(length.units))))
