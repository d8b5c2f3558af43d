"""What the demonstration saw: the impressions that it made and the answers that it got, and how they lie on disk.

Times are Unix milliseconds of this machine's wall clock.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from e2e.demo.samples import Batch, Doubles, Floats, Ints


@dataclass(frozen=True, slots=True)
class Block:
    """The impressions of one tick of the stream.

    Attributes:
      number: 0, 1, … in the order they were made.
      event_ms: the event time of all of them.
      batch: what they are and what came of them.
    """

    number: int
    event_ms: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of serving to the impressions of one block.

    Attributes:
      block: the number of the block that was asked about.
      connection: names the connection it came by; one connection leads to one pod.
      asked_ms, answered_ms: wall clock before and after.
      version: what the answer names: base · 10⁹ + update.
      ctr, cvr: float32 (n,), a probability for each impression.
    """

    block: int
    connection: str
    asked_ms: int
    answered_ms: int
    version: int
    ctr: Floats
    cvr: Floats

    @property
    def base(self) -> int:
        """The base that answered."""
        return self.version // 1_000_000_000

    @property
    def update(self) -> int:
        """The swift update that answered; 0 for the base itself."""
        return self.version % 1_000_000_000

    def to_json(self) -> str:
        """One line; predictions as the shortest decimals that read back as the same float32."""
        shown = asdict(self)
        for task in ("ctr", "cvr"):
            shown[task] = [float(str(value)) for value in getattr(self, task)]
        return json.dumps(shown, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The answer of one line."""
        read = json.loads(line)
        for task in ("ctr", "cvr"):
            read[task] = np.array(read[task], np.float32)
        return cls(**read)


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no answer."""

    block: int
    connection: str
    asked_ms: int
    answered_ms: int
    code: str
    message: str


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """One answer per line."""
    path.write_text("".join(answer.to_json() + "\n" for answer in answers))


def read_answers(path: Path) -> list[Answer]:
    """What ``write_answers`` wrote."""
    return [Answer.from_json(line) for line in path.read_text().splitlines()]


@dataclass(frozen=True, slots=True)
class Scored:
    """All impressions that were asked about, in columns, with what each judge said of them.

    Attributes:
      event_ms: int64 (n,).
      click, conversion: float32 (n,).
      ctr, cvr: judge ("served", "frozen", "truth") → float64 (n,) predictions.
    """

    event_ms: Ints
    click: Floats
    conversion: Floats
    ctr: dict[str, Doubles]
    cvr: dict[str, Doubles]
