"""The scalar types of the API: what stands in YAML, what Python sees, and the schema that joins the two."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

DURATION_PATTERN: Final = r"^([0-9]{1,5}d)?([0-9]{1,6}h)?([0-9]{1,7}m)?([0-9]{1,8}s)?$"
TIME_OF_DAY_PATTERN: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
QUANTITY_PATTERN: Final = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
SHARE_PATTERN: Final = r"^([1-9][0-9]?|100)%$"
THRESHOLD_PATTERN: Final = r"^[0-9]{1,3}(\.[0-9]{1,6})?%?$"
NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
OBJECT_NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
IDENTIFIER_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
IMAGE_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$"


class Value(BaseModel):
    """Base of every type: frozen, camelCase outside, snake_case inside; unknown fields are passed over."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, alias_generator=to_camel, ser_json_inf_nan="constants"
    )

    def to_json(self) -> dict[str, Any]:
        """Return what goes to the API server: camelCase, without fields that are not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def parse_duration(text: str) -> timedelta:
    """Parse a duration.

    Args:
      text: days, hours, minutes and seconds in this order, as ``1m30s`` or ``7d``.

    Raises:
      ValueError: the text is anything else.

    Example:
      >>> parse_duration("1m30s")
      datetime.timedelta(seconds=90)
    """
    found = re.fullmatch(DURATION_PATTERN, text)
    if not text or found is None:
        raise ValueError(
            f'"{text}" is not a duration: write days, hours, minutes and seconds in this order, as 1m30s or 7d'
        )
    days, hours, minutes, seconds = (int(part[:-1]) if part else 0 for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration of whole seconds as :func:`parse_duration` reads it.

    Example:
      >>> format_duration(timedelta(hours=1, seconds=5))
      '1h5s'
    """
    left = int(duration.total_seconds())
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def format_time(instant: datetime) -> str:
    """Write an instant as Kubernetes does: RFC 3339, UTC, whole seconds, ``Z``.

    Example:
      >>> format_time(datetime(2026, 11, 11, 8, 0, tzinfo=timezone(timedelta(hours=8))))
      '2026-11-11T00:00:00Z'
    """
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Share:
    """A number of pods, or a percentage of all of them (rounded up)."""

    pods: int | None = None
    percent: int | None = None

    @classmethod
    def parse(cls, value: object) -> Self:
        """Parse ``3`` or ``"50%"``."""
        if isinstance(value, cls):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return cls(pods=value)
        if isinstance(value, str) and re.fullmatch(SHARE_PATTERN, value):
            return cls(percent=int(value.removesuffix("%")))
        raise ValueError(f"{value!r} is neither a number of pods (1 or more) nor a percentage (1% to 100%)")

    def of(self, total: int) -> int:
        """Return how many of `total` pods these are, never more than all of them."""
        if self.pods is not None:
            return min(self.pods, total)
        return math.ceil(total * (self.percent or 0) / 100)

    def text(self) -> int | str:
        """Return what stands in YAML."""
        return self.pods if self.pods is not None else f"{self.percent}%"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit on a change: absolute (``"0.002"``) or relative to the value before (``"20%"``)."""

    amount: float
    relative: bool

    @classmethod
    def parse(cls, value: object) -> Self:
        """Parse ``"0.002"`` or ``"20%"``."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str) and re.fullmatch(THRESHOLD_PATTERN, value):
            relative = value.endswith("%")
            number = float(value.removesuffix("%"))
            return cls(amount=number / 100 if relative else number, relative=relative)
        raise ValueError(f'{value!r} is no threshold: write a decimal in quotes, as "0.002", or a percentage, as 20%')

    def exceeded(self, before: float, change: float) -> bool:
        """Tell whether `change` (≥ 0 is for the worse) is more than this allows, starting from `before`."""
        return change > (self.amount * abs(before) if self.relative else self.amount)

    def text(self) -> str:
        """Return what stands in YAML."""
        return f"{self.amount * 100:g}%" if self.relative else f"{self.amount:.6f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Within:
    """Bounds of a duration, in Python and as a CEL rule in the schema."""

    low: str
    high: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 - pydantic's protocol
        """Check the bounds after parsing."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Add the bounds as a rule that the API server checks."""
        rule = f"self >= duration('{self._go(self.low)}') && self <= duration('{self._go(self.high)}')"
        message = f"must be from {self.low} to {self.high}"
        return {**handler(schema), "x-kubernetes-validations": [{"rule": rule, "message": message}]}

    def check(self, value: timedelta) -> timedelta:
        """Return `value`, or raise ValueError when it is out of bounds."""
        if not parse_duration(self.low) <= value <= parse_duration(self.high):
            raise ValueError(f"must be from {self.low} to {self.high}, not {format_duration(value)}")
        return value

    @staticmethod
    def _go(text: str) -> str:
        # CEL's duration() knows hours, minutes and seconds, but no days.
        return f"{int(parse_duration(text).total_seconds())}s"


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _time_of_day(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(TIME_OF_DAY_PATTERN, value):
        raise ValueError(f'"{value}" is no time of day: write 03:00 or 03:00:30')
    return value


def _format_time_of_day(value: time) -> str:
    return value.strftime("%H:%M:%S" if value.second else "%H:%M")


def _quantity(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    # The format makes it a duration in CEL; the pattern keeps out the words that the format would also take.
    WithJsonSchema(
        {"type": "string", "format": "duration", "pattern": DURATION_PATTERN, "minLength": 2, "maxLength": 32}
    ),
]
Time = Annotated[
    AwareDatetime,
    AfterValidator(lambda instant: instant.astimezone(UTC)),
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
TimeOfDay = Annotated[
    time,
    BeforeValidator(_time_of_day),
    PlainSerializer(_format_time_of_day, return_type=str),
    WithJsonSchema({"type": "string", "pattern": TIME_OF_DAY_PATTERN, "maxLength": 8}),
]
Quantity = Annotated[
    str,
    BeforeValidator(_quantity),
    Field(pattern=QUANTITY_PATTERN, max_length=64),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": QUANTITY_PATTERN,
            "maxLength": 64,
        }
    ),
]
PodShare = Annotated[
    Share,
    BeforeValidator(Share.parse),
    PlainSerializer(Share.text),
    WithJsonSchema(
        {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}], "maxLength": 4}
    ),
]
Limit = Annotated[
    Threshold,
    BeforeValidator(Threshold.parse),
    PlainSerializer(Threshold.text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": THRESHOLD_PATTERN, "maxLength": 12}),
]
ObjectName = Annotated[str, Field(pattern=OBJECT_NAME_PATTERN, min_length=1, max_length=253)]
Identifier = Annotated[str, Field(pattern=IDENTIFIER_PATTERN, min_length=1, max_length=63)]
Image = Annotated[str, Field(pattern=IMAGE_PATTERN, min_length=1, max_length=512)]


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """Return what a model's ``json_schema_extra`` needs for CEL rules.

    Args:
      pairs: (rule, message); the message says what to do.
    """
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}
