"""What must hold at every instant (README.md, I1 to I5), checked from the store's manifests and a client's log. Pure.

Each check returns sentences that name what broke it; none means that it held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from tandem_wire.log import Slot
from tandem_wire.positions import KafkaPosition, Position, SegmentPosition
from tandem_wire.records import Counters, Kind, Record

from e2e.demo.history import History, effective
from e2e.demo.logs import Answer

ROLL_BACK = "RollBack"


@dataclass(frozen=True, slots=True)
class Broken:
    """One thing that did not hold.

    Attributes:
      invariant: I1 to I5.
      what: a sentence that names the record or answer.
    """

    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One answer, computed again from the store.

    Attributes:
      version: what the answer names.
      block: what it was about.
      difference: the largest difference of a probability; infinite if the version can't be rebuilt.
      why: what went wrong in rebuilding, or nothing.
    """

    version: int
    block: int
    difference: float
    why: str = ""


def broken(
    history: History, answers: Sequence[Answer], recomputed: Sequence[Recomputed], tolerance: float
) -> list[Broken]:
    """All that did not hold, I1 to I5 in order."""
    return [
        *(Broken("I1", what) for what in unmixed(history, answers)),
        *(Broken("I1", what) for what in in_order(history, answers)),
        *(Broken("I2", what) for what in rebuilt(recomputed, tolerance)),
        *(Broken("I3", what) for what in positions_chain(history)),
        *(Broken("I3", what) for what in nothing_lost_or_twice(history)),
        *(Broken("I4", what) for what in nothing_redone(history)),
        *(Broken("I5", what) for what in refused_stay_out(history, answers)),
    ]


def unmixed(history: History, answers: Sequence[Answer]) -> list[str]:
    """I1: every record names its own base, and every answer a version that is in the log of its base."""
    found: list[str] = []
    for number, slots in history.updates.items():
        base = history.bases.get(number)
        found += [
            f"{record.called} was cut from a base with digest {str(record.base)[:8]}…, not from checkpoints/{number}"
            for record in effective(slots)
            if base is not None and record.base != base.digest
        ]
    for version in sorted({answer.version for answer in answers}):
        number, update = divmod(version, 1_000_000_000)
        if number not in history.bases:
            found.append(f"answers name base {number}, which is not durable")
        elif update and not _is_update(history.updates.get(number, ()), update):
            found.append(f"answers name {number}.{update}, which is no update of lineage {number}")
    return found


def _is_update(slots: Sequence[Slot], update: int) -> bool:
    # A slot that can't be read now may have been served while it could; rebuilding it is I2's affair.
    if not 1 <= update <= len(slots):
        return False
    record = slots[update - 1].record
    return record is None or record.kind in (Kind.UPDATE, Kind.KEYFRAME, Kind.RETIRED)


def in_order(history: History, answers: Sequence[Answer]) -> list[str]:
    """I1: on one connection versions only rise, but for a roll-back or a refused base."""
    found: list[str] = []
    returns = set(history.target.refused) if history.target else set()
    if history.target and any(entry.how == ROLL_BACK for entry in history.target.history):
        returns |= set(history.bases)
    ordered = sorted(answers, key=lambda answer: (answer.connection, answer.asked_ms))
    for connection, group in groupby(ordered, key=lambda answer: answer.connection):
        for before, after in pairwise(group):
            if after.version < before.version and not (after.base < before.base and before.base in returns):
                found.append(
                    f"connection {connection} was answered by {before.base}.{before.update} and later by "
                    f"{after.base}.{after.update}"
                )
    return found


def rebuilt(recomputed: Sequence[Recomputed], tolerance: float) -> list[str]:
    """I2: what was served is what the store says for the version that the answer names."""
    return [
        f"the answer about block {one.block} differs by {one.difference:.2g} from what the store gives for "
        f"{one.version // 1_000_000_000}.{one.version % 1_000_000_000}{f' ({one.why})' if one.why else ''}"
        for one in recomputed
        if not one.difference <= tolerance
    ]


def at_least(after: Position, before: Position) -> bool:
    """Whether a position is the same as or past another of the same stream."""
    if isinstance(after, KafkaPosition) and isinstance(before, KafkaPosition):
        return after.topic == before.topic and all(
            after.offsets.get(partition, -1) >= offset for partition, offset in before.offsets.items()
        )
    if isinstance(after, SegmentPosition) and isinstance(before, SegmentPosition):
        return _segment_order(after) >= _segment_order(before)
    return False


def _segment_order(position: SegmentPosition) -> tuple[str, int]:
    return max((position.after, 1 << 62), (position.current, position.record))


def positions_chain(history: History) -> list[str]:
    """I3: within a log, and from a base to what begins there, no position falls back."""
    found: list[str] = []
    for chain in _chains(history):
        for before, after in pairwise(chain):
            found += [
                f"{stream}: {after.called} is at {after.positions.get(stream)}, {before.called} was at {position}"
                for stream, position in before.positions.items()
                if stream not in after.positions or not at_least(after.positions[stream], position)
            ]
    return found


def nothing_lost_or_twice(history: History) -> list[str]:
    """I3: between two records of one writer, what was trained or set aside is what its offsets passed (Kafka)."""
    found: list[str] = []
    for chain in _chains(history):
        for before, after in pairwise(chain):
            if before.writer.uid != after.writer.uid:
                continue
            for stream, position in after.positions.items():
                passed = _passed(before.positions.get(stream), position)
                done = _done(after.counters.get(stream)) - _done(before.counters.get(stream))
                if passed is not None and passed != done:
                    found.append(
                        f"{after.called} passed {passed} records of stream {stream} since {before.called}, "
                        f"but trained or set aside {done}"
                    )
    return found


def _passed(before: Position | None, after: Position) -> int | None:
    if not isinstance(before, KafkaPosition) or not isinstance(after, KafkaPosition):
        return None
    if set(before.offsets) != set(after.offsets):
        return None
    return sum(after.offsets.values()) - sum(before.offsets.values())


def _done(counters: Counters | None) -> int:
    return 0 if counters is None else counters.trained + sum(counters.quarantined.values())


def nothing_redone(history: History) -> list[str]:
    """I4: steps and epochs only rise, so whoever came later went on from what was durable."""
    found: list[str] = []
    for chain in _chains(history):
        found += [
            f"{after.called} is at step {after.step}, though {before.called} was at {before.step}"
            for before, after in pairwise(chain)
            if after.step < before.step
        ]
    for slots in (*history.updates.values(), *history.runs.values()):
        records = [slot.record for slot in slots if slot.record is not None and slot.record.kind is not Kind.RETIRED]
        found += [
            f"{after.called} was won by epoch {after.writer.epoch}, though {before.called} has {before.writer.epoch}"
            for before, after in pairwise(records)
            if after.writer.epoch < before.writer.epoch
        ]
    return found


def refused_stay_out(history: History, answers: Sequence[Answer]) -> list[str]:
    """I5: a refused base is not stable, and no answer comes from it once answers have gone back to the stable one."""
    if history.target is None:
        return []
    found = []
    refused = set(history.target.refused)
    if history.target.stable in refused:
        found.append(f"base {history.target.stable} is stable, though it was refused")
    last = {connection: answer for connection, answer in _last_by_connection(answers).items() if answer.base in refused}
    found += [
        f"connection {connection} is still answered by refused base {answer.base}"
        for connection, answer in last.items()
    ]
    return found


def _last_by_connection(answers: Sequence[Answer]) -> dict[str, Answer]:
    # Only the newest connection of each asker can say what is answered now.
    last: dict[str, Answer] = {}
    for answer in sorted(answers, key=lambda one: one.answered_ms):
        last[answer.connection.partition(".")[0]] = answer
    return last


def _chains(history: History) -> list[list[Record]]:
    """Every line of records along which state went on: a base and its log; a parent, the run's log and the new base."""
    chains = []
    for number, base in history.bases.items():
        chains.append([base, *effective(history.updates.get(number, ()))])
        parent = [] if base.parent is None or base.parent not in history.bases else [history.bases[base.parent]]
        chains.append([*parent, *effective(history.runs.get(number, ())), base])
    return chains
