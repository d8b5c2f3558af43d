"""A base and its log, from the store into the engine.

A line is one base in the engine with the updates that were applied to it. It is loaded in one thread and advanced in
one thread at a time. Wire verifies every byte; the engine checks that it fits the model and gives finite answers. Here
no table is kept: what was handed over is let go of.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from tandem_wire.bases import read_base
from tandem_wire.config import CallGraphConfig
from tandem_wire.errors import WireError
from tandem_wire.lineage import Follower, Refusal, Step
from tandem_wire.lineage.serving import load_model
from tandem_wire.model import ModelSpec
from tandem_wire.records import Kind, Part, Record
from tandem_wire.store import Store
from tandem_wire.tensors import pack
from tandem_wire.version import Version

from tandem_serving.cache import Cache
from tandem_serving.engine import Choice, Engine
from tandem_serving.errors import BadExport, BadUpdate, NoRoom
from tandem_serving.export import program_of
from tandem_serving.graph.capture import capture
from tandem_serving.handover import Handover
from tandem_serving.update_memory import UpdateMemory

_MIB = 1 << 20
_SERVING = "serving.safetensors"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that is not served, as ``updates/17/204``, and why."""

    record: str
    reason: str


@dataclass(frozen=True, slots=True)
class Advance:
    """What following the log brought: how many records were applied, and what was refused."""

    applied: int = 0
    refused: tuple[Rejection, ...] = ()


@dataclass(slots=True, eq=False)
class Line:
    """One base in the engine and its log.

    Args:
      engine: what holds it.
      spec: its contract.
      version: the newest good version.
      watermark: event time up to which that has learned; None when unknown.
      follower: reads the log.
      memory: what its updates are read into.
      choices: what computes which batch size.
      no_chain_because: why the dense part is no plain chain of layers; empty when it is one.
    """

    engine: Engine
    spec: ModelSpec
    version: Version
    watermark: datetime | None
    follower: Follower
    memory: UpdateMemory
    choices: tuple[Choice, ...] = ()
    no_chain_because: str = ""
    captured: tuple[str, ...] = ()
    """What people are told of its captured graph; nothing where none was asked for."""
    waits: str = field(default="")
    """The record that was whole but not fit to serve; what builds on it waits for a keyframe. Empty: none."""
    _next: deque[Step | Refusal] = field(default_factory=deque)
    """What the follower passed on and the engine does not have yet, in order."""
    _stuck: str = field(default="")
    """The record that could not be handed to the engine and is tried again. Empty: none."""

    @property
    def base(self) -> int:
        """The number of the base."""
        return self.version.base

    def advance(self) -> Advance:
        """Apply what is new in the log, in order.

        A record that can't be verified stops the line before it, as the follower does; one that is whole but does not
        give finite answers stops it too. Both end with the next keyframe that is good. Where this machine has no room
        to hand a record over, it is tried again at the next call, and what comes after it waits.

        Raises:
          WireError: the store did not answer; nothing was changed.
          EngineGone: nothing can be served any more.
        """
        refused: list[Rejection] = []
        applied = 0
        if not self._next:
            self._next.extend(self.follower.poll())
        while self._next:
            found = self._next[0]
            if isinstance(found, Refusal):
                self._next.popleft()
                refused.append(Rejection(found.record, found.reason))
                continue
            if self.waits and found.record.kind is not Kind.KEYFRAME:
                self._next.popleft()
                _log.warning(
                    "an update was passed over, it builds on one that was refused",
                    record=found.record.called,
                    refused=self.waits,
                )
                continue
            try:
                self._apply(found)
            except OSError as error:
                if self._stuck != found.record.called:
                    self._stuck = found.record.called
                    reason = f"can't be handed to the engine: {error}; it is tried again, give the pod more room"
                    refused.append(Rejection(found.record.called, reason))
                break
            except (BadUpdate, NoRoom) as error:
                self.waits = found.record.called
                refused.append(Rejection(found.record.called, str(error)))
            else:
                self.waits = ""
                applied += 1
            self._stuck = ""
            self._next.popleft()
        return Advance(applied, tuple(refused))

    def _apply(self, step: Step) -> None:
        record = step.record
        version = Version(record.number, record.slot)
        with Handover() as handover:
            held = self.memory.descriptor(step.data)
            if held is not None:
                file = handover.add(_SERVING, held)
            else:
                file = handover.put(_SERVING, step.data or pack(step.tensors))
            self.engine.apply(version, file, record.watermark, keyframe=record.kind is Kind.KEYFRAME)
        self.version, self.watermark = version, record.watermark


@dataclass(frozen=True, slots=True)
class Origin:
    """Where bases come from.

    Args:
      store: the model's store.
      cache: where objects may lie already.
      model: ``namespace/name``; another model's base is refused.
      call_graph: when what hangs on weights only is taken anew; None: with each version.
      exclude: what stays outside of captured graphs; None: nothing is captured.
    """

    store: Store
    cache: Cache
    model: str
    call_graph: CallGraphConfig | None = None
    exclude: tuple[str, ...] | None = None


def load(engine: Engine, origin: Origin, base: int, room: int | None = None) -> tuple[Line, Advance]:
    """Load a base and all that its log holds now; every batch size has run on it.

    Args:
      engine: where to.
      origin: where from.
      base: its number.
      room: bytes that may be taken; None: as many as it needs.

    Returns:
      The line, warm, and what following the log brought.

    Raises:
      WireError: the store did not answer, or the base is not what its manifest says (``Refused``).
      BadExport: the export does not run, or does not give finite answers.
      NoRoom: it needs more memory than there is.
      EngineGone: nothing can be served any more.
    """
    started = time.monotonic()
    store = origin.store
    record = read_base(store, base, origin.model)
    _check_room(record, room)
    spec = load_model(store, record)
    with Handover() as handover:
        for ref in record.objects:
            if ref.part is Part.SERVING:
                handover.add(ref.name, origin.cache.open(store, ref, record.called))
        fetched = time.monotonic()
        because, captured = _add_program(handover, spec, record, origin)
        choices = engine.load(base, handover.path, record.watermark)
    memory = UpdateMemory()
    follower = Follower(store, base, origin.model, memory.read)
    line = Line(engine, spec, Version(base, 0), record.watermark, follower, memory, choices, because)
    line.captured = captured
    try:
        advance = line.advance()
    except WireError:
        engine.drop(base)  # it is loaded anew when it is tried again
        raise
    _log.info(
        "a base is loaded and warm",
        version=str(line.version),
        seconds=round(time.monotonic() - started, 3),
        fetched_seconds=round(fetched - started, 3),
        engines={each.rows: each.engine for each in choices},
        no_chain_because=because,
        captured=captured,
    )
    return line, advance


def _add_program(handover: Handover, spec: ModelSpec, record: Record, origin: Origin) -> tuple[str, tuple[str, ...]]:
    """Make the program, and what is captured of it, beside the base's objects.

    Returns:
      Why its dense part is no chain, and what people are told of the captured graph.
    """
    try:
        program = program_of(spec, handover.path, origin.call_graph)
        captured = None if origin.exclude is None else capture(program, origin.exclude)
        for name, data in {**program.files(), **(captured.files if captured else {})}.items():
            handover.put(name, data)
    except FileNotFoundError as error:
        raise BadExport(f"{record.called}: {error.filename} is missing in the export") from error
    except FileExistsError as error:
        raise BadExport(f"{record.called}: an object is called as the server calls its own: {error}") from error
    return program.no_chain_because, captured.report.sentences() if captured else ()


def _check_room(record: Record, room: int | None) -> None:
    """Refuse a base whose serving objects, once as rows and the largest once more as bytes, don't fit."""
    sizes = [ref.size for ref in record.objects if ref.part is Part.SERVING]
    needs = sum(sizes) + max(sizes, default=0)
    if room is not None and needs > room:
        raise NoRoom(
            f"{record.called} needs {needs / _MIB:.0f} MiB beside what is served, and {room / _MIB:.0f} MiB are left; "
            "raise the memory limit in spec.serving.resources"
        )
