"""How far a stream was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tandem_wire.codec import JsonValue
from tandem_wire.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class KafkaPosition(JsonValue):
    """The next offset to read of each partition."""

    TAG: ClassVar[str] = "kafka"

    topic: str
    offsets: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for partition, offset in self.offsets.items():
            if partition < 0 or offset < 0:
                raise InvalidValue(f"offsets.{partition}", "partition and offset must not be negative")


@dataclass(frozen=True, slots=True)
class SegmentPosition(JsonValue):
    """The last segment read to its end, and how many records of the current one are read; empty names mean none."""

    TAG: ClassVar[str] = "segments"

    after: str = ""
    current: str = ""
    record: int = 0

    def __post_init__(self) -> None:
        if self.record < 0 or (self.record > 0 and not self.current):
            raise InvalidValue("record", f"{self.record} must be 0, or above 0 with a current segment")
        if self.current and self.current <= self.after:
            raise InvalidValue("current", f"{self.current!r} must come after {self.after!r}")


Position = KafkaPosition | SegmentPosition
