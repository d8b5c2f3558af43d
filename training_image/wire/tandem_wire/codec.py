"""Strict JSON for frozen dataclasses: camelCase outside, snake_case inside.

A class says its form by its annotations alone. Unknown fields, missing fields (unless they have a default) and wrong
types are ``InvalidValue`` errors that name the field. A class variable ``FORMAT`` adds a field ``format`` that must
match; a class variable ``TAG`` makes it an alternative in a union, written as ``{tag: {...}}``.
"""

import dataclasses
import functools
import json
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Self, TypeVar, cast

from tandem_wire.errors import InvalidValue

T = TypeVar("T")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,18}")
INT64_LIMIT = 2**63


def canonical(value: object) -> bytes:
    """Write canonical JSON: UTF-8, sorted keys, no white space, no NaN or Infinity.

    Raises:
      InvalidValue: ``value`` has something that JSON can't hold.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError) as error:
        raise InvalidValue("", f"can't be written as JSON: {error}") from error


def parse(data: str | bytes) -> object:
    """Read JSON; refuse NaN, Infinity, repeated names and anything that is not JSON.

    Raises:
      InvalidValue: ``data`` is not such JSON.
    """
    try:
        return cast("object", json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_unique))
    except (ValueError, RecursionError) as error:
        raise InvalidValue("", f"is not JSON: {error}") from error


def time_text(moment: datetime) -> str:
    """Write a time as RFC 3339 in UTC, cut to milliseconds."""
    if moment.tzinfo is None:
        raise InvalidValue("", f"the time {moment.isoformat()} has no time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_time(text: str, where: str = "") -> datetime:
    """Read a time that ``time_text`` wrote.

    Raises:
      InvalidValue: not exactly this form.
    """
    if _TIME.fullmatch(text) is None:
        raise InvalidValue(where, f"{text!r} is not a time such as 2026-11-10T12:00:00.000Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValue(where, f"{text!r} is not a time: {error}") from error


def dump(value: object) -> object:
    """Turn a dataclass, or a tuple, mapping, enum or time, into what ``json`` writes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        body: dict[str, object] = {_outer(f): dump(getattr(value, f.name)) for f in dataclasses.fields(value)}
        form = getattr(value, "FORMAT", None)
        if form is not None:
            body["format"] = form
        tag = getattr(value, "TAG", None)
        return body if tag is None else {tag: body}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Mapping):
        return {str(k): dump(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [dump(v) for v in value]
    return value


def load(cls: type[T], data: object, where: str = "") -> T:
    """Build ``cls`` from parsed JSON.

    Args:
      cls: a dataclass whose annotations are str, int, float, bool, datetime, enums, tuples, mappings, dataclasses, or
        unions of one of them with None; ``object`` passes any JSON.
      data: what ``parse`` returned.
      where: the path of ``data``, for messages.

    Raises:
      InvalidValue: a field is unknown, missing or of another type.
    """
    if not isinstance(data, dict):
        raise InvalidValue(where, f"must be an object, not {_called(data)}")
    body = dict(data)
    form = getattr(cls, "FORMAT", None)
    if form is not None and body.pop("format", None) != form:
        raise InvalidValue(
            _join(where, "format"), f"must be {form!r}, not {data.get('format')!r}; this program reads only {form}"
        )
    values: dict[str, object] = {}
    for field, outer, read in _plan(cast("Any", cls)):
        place = _join(where, outer)
        if outer in body:
            values[field.name] = read(body.pop(outer), place)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise InvalidValue(place, "is missing")
    if body:
        raise InvalidValue(_join(where, min(body)), "is unknown here")
    try:
        return cls(**values)
    except InvalidValue as error:
        raise InvalidValue(_join(where, error.field), error.problem) if where else error from error


class JsonValue:
    """What gives a dataclass its JSON forms."""

    __slots__ = ()

    def to_json(self) -> str:
        """Write canonical JSON text."""
        return canonical(dump(self)).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read JSON text.

        Raises:
          InvalidValue: naming the field that is unknown, missing or wrong.
        """
        return load(cls, parse(text))

    def to_value(self) -> dict[str, object]:
        """Turn into parsed JSON, for embedding into another document."""
        return cast("dict[str, object]", dump(self))

    @classmethod
    def from_value(cls, value: object, where: str = "") -> Self:
        """Read parsed JSON; ``where`` is its path, for messages."""
        return load(cls, value, where)


_Reader = Callable[[object, str], object]


@functools.cache
def _plan(cls: type[Any]) -> tuple[tuple["dataclasses.Field[Any]", str, _Reader], ...]:
    hints = typing.get_type_hints(cls)
    return tuple((f, _outer(f), _reader(hints[f.name])) for f in dataclasses.fields(cls))


def _reader(hint: Any) -> _Reader:  # noqa: ANN401 - an annotation can be anything
    if hint is object:
        return lambda value, _where: value
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        return _union(args)
    if origin is tuple:
        return functools.partial(_tuple, _reader(args[0]))
    if origin is not None and issubclass(origin, Mapping):
        return functools.partial(_mapping, args[0], _reader(args[1]))
    plain = load if dataclasses.is_dataclass(hint) else _enum if issubclass(hint, Enum) else _scalar
    return functools.partial(plain, hint)


def _union(args: tuple[Any, ...]) -> _Reader:
    rest = tuple(a for a in args if a is not types.NoneType)
    tagged = {a.TAG: a for a in rest if getattr(a, "TAG", None) is not None}
    if tagged:
        return functools.partial(_alternative, tagged, types.NoneType in args)
    inner = _reader(rest[0])
    return lambda value, where: None if value is None else inner(value, where)


def _alternative(tagged: Mapping[str, type], optional: bool, value: object, where: str) -> object:  # noqa: FBT001
    if value is None and optional:
        return None
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in tagged:
        raise InvalidValue(where, f"must be an object with exactly one of {', '.join(sorted(tagged))}")
    tag, body = next(iter(value.items()))
    return load(tagged[tag], body, _join(where, tag))


def _tuple(read: _Reader, value: object, where: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise InvalidValue(where, f"must be a list, not {_called(value)}")
    return tuple(read(item, f"{where}[{i}]") for i, item in enumerate(value))


def _mapping(key_type: type, read: _Reader, value: object, where: str) -> dict[object, object]:
    if not isinstance(value, dict):
        raise InvalidValue(where, f"must be an object, not {_called(value)}")
    result: dict[object, object] = {}
    for key, item in value.items():
        if key_type is int and _DECIMAL.fullmatch(key) is None:
            raise InvalidValue(_join(where, key), "its name must be a number")
        result[key_type(key)] = read(item, _join(where, key))
    return result


def _enum(cls: type[Enum], value: object, where: str) -> Enum:
    for member in cls:
        if member.value == value and isinstance(value, str):
            return member
    raise InvalidValue(where, f"must be one of {', '.join(str(m.value) for m in cls)}, not {value!r}")


def _scalar(cls: type, value: object, where: str) -> object:
    if cls is datetime and isinstance(value, str):
        return parse_time(value, where)
    if cls is float and type(value) in (int, float):
        number = float(cast("float", value))
        if not math.isfinite(number):
            raise InvalidValue(where, "must be finite")
        return number
    if type(value) is not cls:
        raise InvalidValue(where, f"must be {_name(cls)}, not {_called(value)}")
    if cls is int and not -INT64_LIMIT <= cast("int", value) < INT64_LIMIT:
        raise InvalidValue(where, "does not fit into 64 bits")
    return value


def _outer(field: "dataclasses.Field[Any]") -> str:
    name = cast("str | None", field.metadata.get("json"))
    if name is not None:
        return name
    first, *rest = field.name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where and name else where or name


def _name(cls: type) -> str:
    return {str: "a string", int: "an integer", float: "a number", bool: "true or false", datetime: "a time"}[cls]


def _called(value: object) -> str:
    if value is None:
        return "null"
    names = {
        bool: "true or false",
        int: "an integer",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not allowed")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return result
