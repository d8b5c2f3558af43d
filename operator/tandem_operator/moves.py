"""The moves of the cycle: from a target and the facts to the next target, and why. Pure.

Which move belongs to which state and event stands in ``cycle.TRANSITIONS``. A move that finds nothing to do gives None.
"""

from collections.abc import Callable
from dataclasses import replace

from tandem_wire.target import Promoted, Run, Target

from tandem_operator.premises import AGAIN, BY_PERSON, Facts, candidates, forgiven, parent_of_next

HISTORY = 32
"""Entries of the history that are kept."""

Moved = tuple[Target | None, str]
Move = Callable[[Target, Facts], Moved]


def first(target: Target, facts: Facts) -> Moved:
    """Let the first base serve."""
    base = max(facts.usable)
    entry = Promoted(base=base, at=facts.now, how="Bootstrap")
    return replace(
        target, stable=base, since=facts.now, history=(*target.history, entry)
    ), f"base {base} is the first; it serves"


def consider(target: Target, facts: Facts) -> Moved:
    """Make the newest base that could follow the candidate."""
    base = max(candidates(target, facts))
    after = replace(target, candidate=base, candidate_pods=(), step=0, since=facts.now)
    return after, f"base {base} is durable and becomes the candidate"


def refuse(target: Target, facts: Facts) -> Moved:
    """Refuse the candidate, and remember why."""
    if target.candidate is None or facts.against is None:
        return None, ""
    why = f"{AGAIN}: {facts.against}" if target.candidate in facts.lifted else facts.against
    refused = {**target.refused, target.candidate: why}
    after = replace(target, candidate=None, candidate_pods=(), step=0, since=facts.now, refused=refused)
    return after, f"base {target.candidate} is refused: {facts.against}"


def forgive(target: Target, facts: Facts) -> Moved:
    """Lift refusals, as a person wishes."""
    lifted = forgiven(target, facts)
    refused = {number: why for number, why in target.refused.items() if number not in lifted}
    return replace(target, refused=refused), f"a person lifts the refusal of {', '.join(map(str, sorted(lifted)))}"


def start_run(target: Target, facts: Facts) -> Moved:
    """Write the next run into the target, before its trainer begins."""
    used = facts.taken | frozenset(target.refused) | ({target.run.makes} if target.run else frozenset())
    run = Run(parent=parent_of_next(target, facts), makes=1 + max(used, default=-1), due=facts.run_due, cut=None)
    return replace(
        target, run=run
    ), f"run {run.makes} starts from {'the stream' if run.parent is None else f'base {run.parent}'}"


def cut(target: Target, facts: Facts) -> Moved:
    """Let the run end."""
    if target.run is None:
        return None, ""
    return replace(target, run=replace(target.run, cut=facts.now)), f"run {target.run.makes} is cut"


def refill(target: Target, facts: Facts) -> Moved:
    """List the pods that shall run the candidate as they are now."""
    return replace(target, candidate_pods=facts.share), f"{len(facts.share)} pods shall run the candidate"


def next_step(target: Target, facts: Facts) -> Moved:
    """Begin the next step of the rollout."""
    after = replace(target, step=target.step + 1, since=facts.now, candidate_pods=facts.next_share)
    return after, f"base {target.candidate}: step {after.step} of {facts.last_step}, {len(facts.next_share)} pods"


def promote(target: Target, facts: Facts) -> Moved:
    """Let the candidate be the stable base: every live pod answers from it."""
    if target.candidate is None:
        return None, ""
    entry = Promoted(base=target.candidate, at=facts.now, how=facts.how)
    after = replace(
        target,
        stable=target.candidate,
        candidate=None,
        candidate_pods=(),
        step=0,
        since=facts.now,
        history=(*target.history, entry)[-HISTORY:],
    )
    return after, f"base {target.candidate} is promoted"


def choose(target: Target, facts: Facts) -> Moved:
    """Follow a person's choice while all pods are on the stable base: back to an older one, or on to a newer one."""
    if _older(target, facts):
        return roll_back(target, facts)
    if facts.chosen is None or facts.chosen in target.refused:
        return None, ""
    after = replace(target, candidate=facts.chosen, candidate_pods=(), step=0, since=facts.now)
    return after, f"base {facts.chosen} becomes the candidate, chosen by a person"


def make_way(target: Target, facts: Facts) -> Moved:
    """Follow a person's choice during a rollout: back to an older base at once; else the candidate makes way."""
    if _older(target, facts):
        return roll_back(target, facts)
    after = replace(target, candidate=None, candidate_pods=(), step=0, since=facts.now)
    return after, f"base {target.candidate} makes way for {facts.chosen}, which a person chose"


def go_back(target: Target, facts: Facts) -> Moved:
    """Follow a person's choice of an older base while pods are still under way; a newer one waits for them."""
    return roll_back(target, facts) if _older(target, facts) else (None, "")


def _older(target: Target, facts: Facts) -> bool:
    return facts.chosen is not None and target.stable is not None and facts.chosen <= target.stable


def roll_back(target: Target, facts: Facts) -> Moved:
    """Serve an older base at once; whatever is newer counts as refused by the person who chose."""
    chosen = facts.chosen
    if chosen is None:
        return None, ""
    newer = {target.stable, target.candidate} - {None}
    newer |= {number for number in facts.taken if number > chosen} if chosen != target.stable else set()
    why = f"{BY_PERSON}: spec.rollout.base chose {chosen}"
    refused = {**{number: why for number in newer if number is not None and number > chosen}, **target.refused}
    history = target.history
    if chosen != target.stable:
        history = (*history, Promoted(base=chosen, at=facts.now, how="RollBack"))[-HISTORY:]
    refused.pop(chosen, None)
    after = replace(
        target,
        stable=chosen,
        candidate=None,
        candidate_pods=(),
        step=0,
        since=facts.now,
        refused=refused,
        history=history,
    )
    return after, f"rolled back to base {chosen} by a person"
