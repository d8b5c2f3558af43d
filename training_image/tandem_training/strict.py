"""Reads a user's JSON section field by field and refuses what it does not know."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from tandem_training.errors import UserError

_MISSING: Final = object()


class Section:
    """One JSON object of the user's, read strictly.

    Every field is asked for by name; ``done`` refuses the ones that nobody asked for, so that a misspelt field is an
    error instead of a silent default.

    Example:
      >>> section = Section({"hidden": [64, 32]}, "spec.model.config")
      >>> section.integers("hidden", low=1)
      (64, 32)
      >>> section.done()
    """

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, Mapping):
            raise invalid(where, f"is {_kind(values)}; give an object with named fields")
        self._values = {str(name): value for name, value in values.items()}
        self._where = where
        self._asked: set[str] = set()

    def where(self, name: str) -> str:
        """Return the full path of a field, for messages."""
        return f"{self._where}.{name}"

    def has(self, name: str) -> bool:
        """Say whether the user gave the field."""
        return name in self._values

    def text(self, name: str, default: str | None = None, *, among: Sequence[str] = ()) -> str:
        """Return a non-empty string, one of ``among`` when that is given."""
        value = self._take(name, default)
        if not isinstance(value, str) or not value:
            raise invalid(self.where(name), f"is {_kind(value)}; give a non-empty string")
        if among and value not in among:
            raise invalid(self.where(name), f'is "{value}"; give one of {", ".join(among)}')
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a boolean."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise invalid(self.where(name), f"is {_kind(value)}; give true or false")
        return value

    def integer(self, name: str, default: int | None = None, *, low: int, high: int = 2**31) -> int:
        """Return an integer within [low, high]."""
        return _integer(self._take(name, default), self.where(name), low, high)

    def integers(
        self, name: str, default: Sequence[int] | None = None, *, low: int, high: int = 2**31
    ) -> tuple[int, ...]:
        """Return a tuple of integers within [low, high]."""
        values = self._list(name, default)
        return tuple(_integer(value, f"{self.where(name)}[{i}]", low, high) for i, value in enumerate(values))

    def number(self, name: str, default: float | None = None, *, low: float, high: float = math.inf) -> float:
        """Return a finite float within [low, high]."""
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise invalid(self.where(name), f"is {_kind(value)}; give a finite number")
        if not low <= value <= high:
            raise invalid(self.where(name), f"is {value}; it must lie in [{low}, {high}]")
        return float(value)

    def sections(self, name: str, default: Sequence[Mapping[str, object]] | None = None) -> tuple[Section, ...]:
        """Return a list of nested sections."""
        return tuple(Section(value, f"{self.where(name)}[{i}]") for i, value in enumerate(self._list(name, default)))

    def texts(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return a tuple of non-empty strings."""
        values = self._list(name, default)
        for i, value in enumerate(values):
            if not isinstance(value, str) or not value:
                raise invalid(f"{self.where(name)}[{i}]", f"is {_kind(value)}; give a non-empty string")
        return tuple(str(value) for value in values)

    def done(self) -> None:
        """Refuse fields that were given but never asked for.

        Raises:
          UserError: a field is unknown; the message lists the known ones.
        """
        unknown = sorted(set(self._values) - self._asked)
        if unknown:
            known = ", ".join(sorted(self._asked))
            raise invalid(self.where(unknown[0]), f"is not a field; remove it or use one of {known}")

    def _take(self, name: str, default: object) -> object:
        self._asked.add(name)
        value = self._values.get(name, _MISSING)
        if value is _MISSING or value is None:
            if default is None:
                raise invalid(self.where(name), "is missing; it has no default")
            return default
        return value

    def _list(self, name: str, default: Sequence[object] | None) -> Sequence[object]:
        value = self._take(name, default)
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise invalid(self.where(name), f"is {_kind(value)}; give a list")
        return value


def invalid(where: str, problem: str) -> UserError:
    """Return the error for one field that does not fit."""
    return UserError("InvalidModelConfig", f"{where} {problem}.")


def _integer(value: object, where: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(where, f"is {_kind(value)}; give a whole number")
    if not low <= value <= high:
        raise invalid(where, f"is {value}; it must lie in [{low}, {high}]")
    return value


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", type(None): "null"}
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    return f"{names.get(type(value), type(value).__name__)} ({value!r})"
