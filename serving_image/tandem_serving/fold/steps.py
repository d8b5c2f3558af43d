"""One step of a chain, and its JSON form.

Values are matrices in row-major order. ``f:NAME`` is a feature, ``s:INDEX`` a slot, ``v:NAME`` what a step before made.

====================  ==========================  ==============================================================
op                    in                          out
====================  ==========================  ==============================================================
concat                several                     side by side
dense                 one; kernel (in, out),      x · kernel + bias, then the activation: none, relu or sigmoid
                      perhaps bias (out)
add, mul              two: values of one width,   element by element; what is narrower counts for each column,
                      or one of width 1, or a     a slot for each row
                      slot of one row
dot                   two values of one width     the sum of each row of their product, width 1
relu, sigmoid         one                         element by element
slice                 one; begin, size            these columns
reshape               one; width                  the same elements in rows of that width
====================  ==========================  ==============================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from tandem_wire.errors import InvalidValue

ACTIVATIONS: Final = ("none", "relu", "sigmoid")
_SEVERAL: Final[Mapping[str, int]] = {"concat": 0, "add": 2, "mul": 2, "dot": 2}
# Besides op, in and out; True where it must be there.
_FIELDS: Final[Mapping[str, Mapping[str, bool]]] = {
    "concat": {},
    "dense": {"kernel": True, "bias": False, "activation": False},
    "add": {},
    "mul": {},
    "dot": {},
    "relu": {},
    "sigmoid": {},
    "slice": {"begin": True, "size": True},
    "reshape": {"width": True},
}
_INTEGERS: Final = frozenset({"begin", "size", "width"})


@dataclass(frozen=True, slots=True)
class Step:
    """One step; fields that its operation does not have are None."""

    op: str
    inputs: tuple[str, ...]
    out: str
    kernel: str | None = None
    bias: str | None = None
    activation: str | None = None
    begin: int | None = None
    size: int | None = None
    width: int | None = None

    def to_value(self) -> dict[str, object]:
        """Turn into parsed JSON."""
        given: object = list(self.inputs) if self.op in _SEVERAL else self.inputs[0]
        body: dict[str, object] = {"op": self.op, "in": given, "out": self.out}
        for name in _FIELDS[self.op]:
            if getattr(self, name) is not None:
                body[name] = getattr(self, name)
        return body

    @classmethod
    def from_value(cls, value: object, where: str) -> "Step":
        """Read parsed JSON.

        Raises:
          InvalidValue: naming what is missing, unknown or of another type.
        """
        if not isinstance(value, dict):
            raise InvalidValue(where, "must be an object")
        body = dict(value)
        op = body.pop("op", None)
        if not isinstance(op, str) or op not in _FIELDS:
            raise InvalidValue(f"{where}.op", f"must be one of {', '.join(_FIELDS)}, not {op!r}")
        inputs = _inputs(op, body.pop("in", None), f"{where}.in")
        out = body.pop("out", None)
        if not isinstance(out, str) or not out.startswith("v:"):
            raise InvalidValue(f"{where}.out", f"must be a value such as v:h1, not {out!r}")
        fields = {
            name: _field(name, body.pop(name, None), f"{where}.{name}", required)
            for name, required in _FIELDS[op].items()
        }
        if body:
            raise InvalidValue(f"{where}.{min(body)}", f"is unknown in a step {op!r}")
        return cls(op, inputs, out, **cast("Any", fields))


def _inputs(op: str, value: object, where: str) -> tuple[str, ...]:
    if op not in _SEVERAL:
        if not isinstance(value, str):
            raise InvalidValue(where, f"must be one reference such as f:user or v:h1, not {value!r}")
        return (value,)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidValue(where, "must be a list of references such as f:user or v:h1")
    if not value or (_SEVERAL[op] and len(value) != _SEVERAL[op]):
        raise InvalidValue(where, f"has {len(value)} references; a step {op!r} takes {_SEVERAL[op] or 'at least one'}")
    return tuple(value)


def _field(name: str, value: object, where: str, required: bool) -> object:  # noqa: FBT001
    if value is None and not required:
        return None
    wanted = int if name in _INTEGERS else str
    if type(value) is not wanted:
        raise InvalidValue(
            where, "is missing" if value is None else f"must be {'an integer' if wanted is int else 'a string'}"
        )
    if name == "activation" and value not in ACTIVATIONS:
        raise InvalidValue(where, f"must be one of {', '.join(ACTIVATIONS)}, not {value!r}")
    return value
