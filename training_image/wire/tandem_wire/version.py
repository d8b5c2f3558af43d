"""The name of what a pod answers from: a base and the last update applied to it."""

import re
from dataclasses import dataclass
from typing import Self

from tandem_wire.errors import InvalidValue

UPDATES_PER_BASE = 10**9
_TEXT = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Base and update; update 0 is the base itself.

    Example:
      >>> Version(17, 204).number, str(Version(17, 204))
      (17000000204, '17.204')
    """

    base: int
    update: int = 0

    def __post_init__(self) -> None:
        if self.base < 0 or not 0 <= self.update < UPDATES_PER_BASE:
            raise InvalidValue("version", f"{self.base}.{self.update} is out of range: base ≥ 0, 0 ≤ update < 10⁹")

    @property
    def number(self) -> int:
        """The integer in answers, base · 10⁹ + update."""
        return self.base * UPDATES_PER_BASE + self.update

    @classmethod
    def of_number(cls, number: int) -> Self:
        """Turn the integer in an answer back into a version."""
        return cls(*divmod(number, UPDATES_PER_BASE))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``17.204``.

        Raises:
          InvalidValue: ``text`` is not of this form.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise InvalidValue("version", f"{text!r} is not a version such as 17.204")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.base}.{self.update}"
