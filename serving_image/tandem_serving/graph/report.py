"""What people are told of a captured graph when its base is loaded: what is inside, what is not, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tandem_serving.fold.graph import Node
from tandem_serving.graph.region import Outside


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a graph.

    Attributes:
      parts: names of the operations of each captured part, with how often each occurs.
      outside: nodes that are not captured, each with its operation and the reason.
      unmatched: excluded names that nothing has.
      why_not: why nothing is captured; empty where something is.
    """

    parts: tuple[tuple[tuple[str, int], ...], ...] = ()
    outside: tuple[tuple[str, str, str], ...] = ()
    unmatched: tuple[str, ...] = ()
    why_not: str = ""

    @classmethod
    def of(cls, parts: Iterable[Iterable[Node]], outside: Iterable[Outside], unmatched: tuple[str, ...]) -> "Report":
        """Count what was found."""
        counted = tuple(tuple(sorted(Counter(node.op for node in part).items())) for part in parts)
        return cls(counted, tuple((each.node.name, each.node.op, each.why) for each in outside), unmatched)

    @property
    def inside(self) -> int:
        """Operations that are captured."""
        return sum(count for part in self.parts for _, count in part)

    def sentences(self) -> tuple[str, ...]:
        """Say it, one sentence for each thing."""
        said = [f"nothing is captured: {self.why_not}"] if self.why_not else []
        said += [
            f"part {i + 1} of {len(self.parts)}: {sum(count for _, count in part)} operations captured ("
            + ", ".join(op if count == 1 else f"{count} {op}" for op, count in part)
            + ")"
            for i, part in enumerate(self.parts)
        ]
        said += [f"outside: {name} ({op}) {why}" for name, op, why in self.outside]
        if self.unmatched:
            said.append(
                f"serving.gpu.cudaGraph.exclude names {', '.join(self.unmatched)}, which this graph does not have "
                "(misspelt, or folded away)"
            )
        return tuple(said)
