"""How a pod follows one lineage: steps in order, from the newest keyframe, never past what can't be verified."""

from collections.abc import Callable
from dataclasses import dataclass

from tandem_wire.bases import read_base
from tandem_wire.errors import NotFound, Refused, StoreUnavailable
from tandem_wire.layout import LogId
from tandem_wire.lineage.serving import check_serving, check_update, load_model
from tandem_wire.log import list_slots, read_record
from tandem_wire.model import ModelSpec
from tandem_wire.objects import get_object, get_part, tensor_objects
from tandem_wire.records import Kind, ObjectRef, Part, Record
from tandem_wire.store import Store
from tandem_wire.tensors import Tensors, unpack

ReadObject = Callable[[Store, ObjectRef, str], bytes | memoryview]
"""Reads and verifies an object of the record of that name, as ``get_object`` does."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """An update or keyframe with its verified serving part; apply it to what came before.

    Attributes:
      record: what was made durable.
      tensors: of its serving part.
      data: the object that holds all of these tensors, for who passes it on as it is; None if there are several.
    """

    record: Record
    tensors: Tensors
    data: bytes | memoryview | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A slot that can't be used and why; ``record`` is its name, ``updates/17/204``."""

    slot: int
    record: str
    reason: str


class Follower:
    """Follows the log of one base. Not for several threads at once.

    Args:
      store: the model's store.
      base: its number.
      model: ``namespace/name``; another model's records are refused.
      read: reads and verifies an object; who follows for long may give memory that is used again.
    """

    def __init__(self, store: Store, base: int, model: str | None = None, read: ReadObject = get_object) -> None:
        self._store = store
        self._log = LogId.updates(base)
        self._model = model
        self._read_object = read
        self._base: tuple[Record, ModelSpec] | None = None
        self._at = 0
        self._known: dict[int, Record] = {}
        self._told: set[int] = set()

    @property
    def slot(self) -> int:
        """The last slot that was passed on or passed over."""
        return self._at

    def poll(self) -> list[Step | Refusal]:
        """Return what is new, in order; one listing when there is nothing.

        A keyframe makes what lies before it needless, so the result begins with the newest readable one. A slot that
        can't be read or verified ends it, with a Refusal the first time; later polls look again, and go on once it or
        a later keyframe is readable.

        Raises:
          NotFound: the base is not durable.
          Refused: the base itself can't be used.
          StoreUnavailable: nothing could be read now; poll again.
        """
        slots = list_slots(self._store, self._log, self._at)
        if not slots:
            return []
        result: list[Step | Refusal] = []
        self._known = {number: record for number, record in self._known.items() if number > self._at}
        try:
            start = self._newest_keyframe(slots[-1])
            at = start.record.slot if start is not None else self._at
            if start is not None:
                result.append(start)
                self._at = at
            self._forward(slots[-1], result)
        except StoreUnavailable:
            if not result:
                raise
        return result

    def _newest_keyframe(self, last: int) -> Step | None:
        for number in range(last, self._at, -1):
            record = self._read(number)
            if isinstance(record, Record) and record.kind is Kind.KEYFRAME:
                step = self._step(record)
                if isinstance(step, Step):
                    return step
        return None

    def _forward(self, last: int, result: list[Step | Refusal]) -> None:
        for number in range(self._at + 1, last + 1):
            record = self._read(number)
            found: Step | str | None = record if isinstance(record, str) else self._step(record)
            if isinstance(found, str):
                if number not in self._told:
                    self._told.add(number)
                    result.append(Refusal(number, self._log.called(number), found))
                return
            if found is not None:
                result.append(found)
            self._at = number

    def _read(self, number: int) -> Record | str:
        """Return the record of a taken slot, or why it can't be used."""
        if number not in self._known:
            try:
                self._known[number] = read_record(self._store, self._log, number, self._model)
            except Refused as error:
                return str(error)
            except NotFound:
                return f"{self._log.called(number)}: the manifest is gone, though later slots are there"
        return self._known[number]

    def _step(self, record: Record) -> Step | str | None:
        """Return a verified step, why it is none, or None for a barrier."""
        if record.kind is Kind.BARRIER:
            return None
        base, spec = self._loaded()
        try:
            return self._verified(record, base, spec)
        except Refused as error:
            return str(error)

    def _verified(self, record: Record, base: Record, spec: ModelSpec) -> Step:
        if record.kind is Kind.RETIRED:
            raise Refused(record.called, "was retired, and no later keyframe can be read")
        check_update(base, record)
        refs = tensor_objects(record, Part.SERVING)
        if len(refs) == 1:
            data = self._read_object(self._store, refs[0], record.called)
            step = Step(record, unpack(data, f"{record.called}: {refs[0].name}"), data)
        else:
            step = Step(record, get_part(self._store, record, Part.SERVING))
        check_serving(spec, record, step.tensors)
        return step

    def _loaded(self) -> tuple[Record, ModelSpec]:
        if self._base is None:
            record = read_base(self._store, self._log.number, self._model)
            self._base = record, load_model(self._store, record)
        return self._base
