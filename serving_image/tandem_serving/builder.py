"""Bases and updates into snapshots, off the request path.

A line is one base in memory with the updates that were applied to it. It is loaded in one thread and advanced in one
thread at a time; requests never see it, only the snapshots that it makes.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from tandem_wire.bases import read_base
from tandem_wire.errors import Refused
from tandem_wire.lineage import Follower, Refusal, ServingState, Step, apply, load_base
from tandem_wire.objects import get_named
from tandem_wire.records import Kind, Part, Record
from tandem_wire.store import Store

from tandem_serving.dense import Dense
from tandem_serving.errors import BadExport, BadUpdate, NoRoom
from tandem_serving.snapshot import Model, Snapshot, sample_inputs, snapshot_of

PROBE_ROWS = 8
_MIB = 1 << 20
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that is not served, as ``updates/17/204``, and why."""

    record: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Advance:
    """What following the log brought: the newest good version, if there is a newer one, and what was refused."""

    snapshot: Snapshot | None = None
    refused: tuple[Rejection, ...] = ()
    applied: int = 0


@dataclass(slots=True, eq=False)
class Line:
    """One base in memory and its log.

    Args:
      state: tables and weights of the newest good version.
      snapshot: the same, ready to answer.
      follower: reads the log.
    """

    state: ServingState
    snapshot: Snapshot
    follower: Follower
    waits: str = field(default="")
    """The record that was whole but not fit to serve; what builds on it waits for a keyframe. Empty: none."""

    @property
    def base(self) -> int:
        """The number of the base."""
        return self.state.version.base

    def advance(self) -> Advance:
        """Apply what is new in the log, in order.

        A record that can't be verified stops the line before it, as the follower does; one that is whole but doesn't
        give finite answers stops it too. Both end with the next keyframe that is good.

        Raises:
          WireError: the store did not answer; nothing was changed.
        """
        refused: list[Rejection] = []
        applied = 0
        for found in self.follower.poll():
            if isinstance(found, Refusal):
                refused.append(Rejection(found.record, found.reason))
                continue
            if self.waits and found.record.kind is not Kind.KEYFRAME:
                _log.warning(
                    "an update was passed over, it builds on one that was refused",
                    record=found.record.called,
                    refused=self.waits,
                )
                continue
            try:
                self._apply(found)
            except (Refused, BadUpdate) as error:
                self.waits = found.record.called
                refused.append(Rejection(found.record.called, str(error)))
            else:
                self.waits = ""
                applied += 1
        return Advance(self.snapshot if applied else None, tuple(refused), applied)

    def _apply(self, step: Step) -> None:
        state = apply(self.state, step.record, step.tensors)
        snapshot = snapshot_of(state, self.snapshot.model)
        try:
            probe(snapshot)
        except BadExport as error:
            raise BadUpdate(
                f"{step.record.called}: {error}; the update is refused and {self.state.version} stays"
            ) from error
        self.state, self.snapshot = state, snapshot


def load(store: Store, base: int, model: str, sizes: Sequence[int], room: int | None = None) -> tuple[Line, Advance]:
    """Load a base and all that its log holds now, and run every batch size once on the result.

    Args:
      store: the model's store.
      base: its number.
      model: ``namespace/name``; another model's base is refused.
      sizes: batch sizes; empty: a default set.
      room: bytes that may be taken; None: as many as it needs.

    Returns:
      The line, warm, and what following the log brought.

    Raises:
      WireError: the store did not answer, or the base is not what its manifest says (``Refused``).
      BadExport: the export does not run, or does not give finite answers.
      NoRoom: it needs more memory than there is.
    """
    started = time.monotonic()
    record = read_base(store, base, model)
    _check_room(record, room)
    state = load_base(store, base, model)
    graph = get_named(store, record, Part.SERVING, state.model.dense.graph)
    shared = Model(state.model, Dense(state.model, graph, sizes))
    first = snapshot_of(state, shared)
    probe(first)
    line = Line(state, first, Follower(store, base, model))
    advance = line.advance()
    for size in shared.dense.sizes:
        probe(line.snapshot, size)
    _log.info(
        "a base is loaded and warm", version=str(line.snapshot.version), seconds=round(time.monotonic() - started, 3)
    )
    return line, advance


def _check_room(record: Record, room: int | None) -> None:
    """Refuse a base whose serving objects, once as bytes and once as arrays, don't fit."""
    sizes = [ref.size for ref in record.objects if ref.part is Part.SERVING]
    needs = sum(sizes) + max(sizes, default=0)
    if room is not None and needs > room:
        raise NoRoom(
            f"{record.called} needs {needs / _MIB:.0f} MiB beside what is served, and {room / _MIB:.0f} MiB are left; "
            "raise the memory limit in spec.serving.resources"
        )


def probe(snapshot: Snapshot, rows: int = PROBE_ROWS) -> None:
    """Answer a batch made of the snapshot's own rows, and refuse answers that are not finite.

    Raises:
      BadExport: naming the output.
    """
    for name, output in snapshot.answer(sample_inputs(snapshot, rows)).items():
        if not np.isfinite(output).all():
            raise BadExport(f"output {name!r} is not finite on a sample of its own rows")
