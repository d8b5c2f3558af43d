"""When bases are made: the modes, their clocks and their windows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from tandem_operator.api.scalars import Duration, Time, TimeOfDay, Value, Within, rules


class Mode(StrEnum):
    """How often a full base is made."""

    DAILY = "Daily"
    PROMOTION = "Promotion"


class Handoff(StrEnum):
    """What becomes of Model B while a new base rolls out."""

    OVERLAP = "Overlap"
    PAUSE = "Pause"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f'"{name}" is no time zone: write a name of the IANA data base, as Asia/Shanghai or Etc/UTC'
        ) from error
    return name


class Daily(Value):
    """Daily mode (M2): one full base per day, swift updates all day."""

    at: TimeOfDay = Field(default="03:00", validate_default=True, description="When the day's run is due, as 03:00.")
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="Etc/UTC",
        pattern=r"^[A-Za-z0-9_+/-]+$",
        max_length=64,
        description="Time zone of `at`, a name of the IANA data base, as Asia/Shanghai.",
    )

    def last_due(self, now: datetime) -> datetime:
        """Return the latest due time not after `now`, in UTC; one that a clock change skips is due an hour later."""
        zone = ZoneInfo(self.time_zone)
        today = now.astimezone(zone).date()
        due = [
            datetime.combine(today + timedelta(days=day), self.at, tzinfo=zone).astimezone(UTC) for day in (-1, 0, 1)
        ]
        return max(instant for instant in due if instant <= now)

    def next_due(self, now: datetime) -> datetime:
        """Return the first due time after `now`, in UTC."""
        zone = ZoneInfo(self.time_zone)
        today = now.astimezone(zone).date()
        due = [
            datetime.combine(today + timedelta(days=day), self.at, tzinfo=zone).astimezone(UTC) for day in (-1, 0, 1, 2)
        ]
        return min(instant for instant in due if instant > now)


class PromotionWindow(Value):
    """A time span of Promotion mode."""

    model_config = ConfigDict(
        json_schema_extra=rules(("self.start < self.end", "a window's end must be after its start"))
    )

    start: Time = Field(description="Promotion mode begins, as 2026-11-10T20:00:00+08:00.")
    end: Time = Field(description="Promotion mode ends; this instant is outside.")

    @model_validator(mode="after")
    def _in_order(self) -> "PromotionWindow":
        if self.end <= self.start:
            raise ValueError("a window's end must be after its start")
        return self


class Promotion(Value):
    """Promotion mode (M3): Model A makes a full base every few hours while Model B streams swift updates."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                (
                    "!has(self.windows) || "
                    "self.windows.all(a, self.windows.exists_one(b, a.start < b.end && b.start < a.end))"
                ),
                "windows must not overlap: make one of those that do",
            )
        )
    )

    swap_every: Annotated[Duration, Within("5s", "30d")] = Field(
        default="3h",
        validate_default=True,
        description="Time from one full base to the next; longer than swift.interval.",
    )
    handoff: Handoff = Field(
        default=Handoff.OVERLAP,
        description="Overlap: the new base's Model B catches up while the old one still publishes, so that freshness "
        "does not drop. "
        "Pause: the old one is ended before the new base rolls out, which needs no room for a second.",
    )
    windows: Annotated[tuple[PromotionWindow, ...], Field(max_length=64)] = Field(
        default=(),
        description="If there are any: Promotion mode inside them, Daily mode outside, whatever spec.mode says.",
    )


def effective_mode(mode: Mode, windows: Sequence[PromotionWindow], now: datetime) -> Mode:
    """Return the mode that holds at `now`: `mode` itself, or what the windows say where there are any (O7)."""
    if not windows:
        return mode
    return Mode.PROMOTION if any(window.start <= now < window.end for window in windows) else Mode.DAILY


def next_mode_change(windows: Sequence[PromotionWindow], now: datetime) -> datetime | None:
    """Return when :func:`effective_mode` may next say something else, or None if it never will."""
    return min((edge for window in windows for edge in (window.start, window.end) if edge > now), default=None)
