"""What the cycle decides on: a handful of facts, and what follows from them and the target. Pure."""

from dataclasses import dataclass
from datetime import datetime

from tandem_wire.target import Run, Target

BY_PERSON = "RolledBack"
"""How the reason of a refusal by a person begins."""

AGAIN = "Again"
"""How the reason begins of a refusal that came after a person had lifted one.

It is not lifted a second time by the same wish.
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the cycle decides on."""

    now: datetime
    taken: frozenset[int] = frozenset()
    """Numbers of all bases there ever were: retired and unreadable ones too."""
    usable: frozenset[int] = frozenset()
    """Bases that a pod could load."""
    live: tuple[int | None, ...] = ()
    """The base that each live pod answers from; None where that is not known."""
    chosen: int | None = None
    """The base that a person pinned, if it is usable."""
    hold: bool = False
    """No base becomes a candidate by itself: suspended, paused or pinned."""
    against: str | None = None
    verified: bool = False
    step_done: bool = False
    last_step: int = 1
    """Number of steps of a rollout; in the last one all pods run the candidate."""
    share: tuple[str, ...] = ()
    """The pods that shall run the candidate in the present step."""
    next_share: tuple[str, ...] = ()
    """The pods that shall run it in the next step."""
    may_start: bool = False
    """Whether a run is due, should none be at work."""
    run_due: datetime | None = None
    """What that run carries as its due time; None for one that starts as soon as it can."""
    cut_due: bool = False
    max_refusals: int = 3
    how: str = "Promotion"
    """How the history says that a candidate of now became stable: the mode."""
    lifted: frozenset[int] = frozenset()
    """Bases whose refusal a person lifts."""


def running(target: Target, taken: frozenset[int]) -> Run | None:
    """Give the run that A works on: the one named in the target, until its base is durable."""
    return None if target.run is None or target.run.makes in taken else target.run


def candidates(target: Target, facts: Facts) -> frozenset[int]:
    """Give the bases that could follow the stable one: newer, usable, not refused."""
    stable = -1 if target.stable is None else target.stable
    return frozenset(number for number in facts.usable if number > stable and number not in target.refused)


def parent_of_next(target: Target, facts: Facts) -> int | None:
    """Give the base that the next run starts from.

    The newest, or the stable one after too many refusals or a person's roll-back.
    """
    if not facts.usable:
        return target.stable
    newest = max(facts.usable)
    stable = -1 if target.stable is None else target.stable
    row = sum(number in target.refused for number in facts.usable if number > stable)
    by_person = target.refused.get(newest, "").startswith(BY_PERSON)
    if newest in target.refused and (by_person or row >= facts.max_refusals):
        return target.stable
    return newest


def forgiven(target: Target, facts: Facts) -> frozenset[int]:
    """Give the refused bases whose refusal is to be lifted now."""
    return frozenset(
        number for number, why in target.refused.items() if number in facts.lifted and not why.startswith(AGAIN)
    )


def goal(target: Target) -> int | None:
    """Give the base that the pods are on the way to."""
    return target.stable if target.candidate is None else target.candidate
