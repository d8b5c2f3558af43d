"""A log of records whose slots are won by conditional puts (FORMAT.md, Writing a log).

The log is the fence: a writer claims it with a barrier of a higher epoch; whoever then loses a slot learns from the
winner whether to go on. No clock, no lock, no epoch handed out.
"""

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from tandem_wire.codec import parse_time, time_text
from tandem_wire.errors import Conflict, Fenced, InvalidValue, NotFound, Overtaken, Refused, StoreUnavailable
from tandem_wire.layout import LogId, LogName, new_uid, parse_record_key, record_key
from tandem_wire.records import Draft, Kind, Record, Writer, check_place, decode, encode
from tandem_wire.store import Store

__all__ = ["Draft", "LogHead", "LogId", "LogWriter", "Slot", "new_uid", "read_log", "read_record"]

_TRIES = 8
_FEW = 64
_TOGETHER = 16  # requests at a time for a long log, whose manifests would else be hundreds of round trips


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot as it was read: a record, or why it can't be used."""

    number: int
    record: Record | None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class LogHead:
    """The slot of a writer's barrier, and its epoch."""

    slot: int
    epoch: int


def read_record(store: Store, log: LogId, slot: int, model: str | None = None) -> Record:
    """Read and verify one manifest.

    Raises:
      NotFound: nobody has written the slot.
      Refused: what stands there is no record of this slot.
    """
    called = log.called(slot)
    record = decode(store.get(record_key(log, slot)).data, called)
    check_place(record, log=log.name, number=log.number, slot=slot, model=model)
    return record


def list_slots(store: Store, log: LogId, after: int = 0) -> list[int]:
    """List the numbers of the slots above ``after`` that are there, ascending."""
    found = []
    for entry in store.list(log.prefix, record_key(log, after) if after else ""):
        place = parse_record_key(entry.key)
        if place is not None and place[0] == log and place[1] > after:
            found.append(place[1])
    return found


def read_slot(store: Store, log: LogId, number: int, model: str | None = None) -> Slot:
    """Read a slot that is known to be taken; never raises for what stands there."""
    try:
        return Slot(number, read_record(store, log, number, model))
    except Refused as error:
        return Slot(number, None, str(error))
    except NotFound:
        return Slot(number, None, f"{log.called(number)}: the manifest is gone, though later slots are there")


def read_log(store: Store, log: LogId, after: int = 0, model: str | None = None) -> tuple[Slot, ...]:
    """Read the manifests of all slots above ``after`` up to the highest, without gaps; unreadable ones say why."""
    slots = list_slots(store, log, after)
    numbers = range(after + 1, (slots[-1] if slots else after) + 1)
    read = functools.partial(read_slot, store, log, model=model)
    if len(numbers) <= _FEW:
        return tuple(map(read, numbers))
    with ThreadPoolExecutor(_TOGETHER) as pool:
        return tuple(pool.map(read, numbers))


def _now() -> datetime:
    return datetime.now(UTC)


class LogWriter:
    """The only way to write into a log. Methods may be called from any thread, one at a time.

    Example::

        writer = LogWriter(store, "shop/search", LogId.updates(3), uid=new_uid())
        head = writer.claim()
        state = restore_training(store, 3)          # only now
        writer.append(Draft(kind=Kind.UPDATE, …))
    """

    def __init__(self, store: Store, model: str, log: LogId, *, uid: str, now: Callable[[], datetime] = _now) -> None:
        self._store = store
        self._model = model
        self._log = log
        self._uid = uid
        self._now = now
        self._lock = threading.Lock()
        self._epoch = 0
        self._claimed = False
        self._next = 1
        self._voids: int | None = None

    @property
    def uid(self) -> str:
        """This writer's uid, under which its objects lie."""
        return self._uid

    @property
    def epoch(self) -> int:
        """The epoch of the last claim; 0 before it."""
        return self._epoch

    @property
    def next_slot(self) -> int:
        """The slot that the next append will try first."""
        return self._next

    @property
    def voids(self) -> int | None:
        """The first slot with an unreadable manifest after the newest keyframe; the next record must void it."""
        return self._voids

    def claim(self) -> LogHead:
        """Win a barrier with an epoch above all in the log; restore the state only after this.

        Raises:
          Fenced: a writer with a higher epoch came between; end this process.
          StoreUnavailable: try again; a barrier may be there already, which does no harm.
        """
        with self._lock:
            return self._claim()

    def append(self, draft: Draft) -> Record:
        """Win the next slot for a record.

        Raises:
          Fenced: the log belongs to a newer writer; end this process.
          Overtaken: restore to ``error.slot``, then append a new draft.
          StoreUnavailable: it is unknown whether the record is durable. Append again, the same draft or a newer one
            that contains its changes: if the first got through, the newer one becomes the slot after it.
          InvalidValue: the draft breaks a rule of the format.
        """
        with self._lock:
            if self._epoch == 0:
                raise InvalidValue("", "a log must be claimed before a record is appended")
            if not self._claimed:
                raise Overtaken(self._claim().slot, self._voids)
            self._check(draft)
            record = self._append(draft)
            if draft.kind is Kind.KEYFRAME:
                self._voids = None
            return record

    def _claim(self) -> LogHead:
        self._claimed = False
        for _ in range(_TRIES):
            slots = read_log(self._store, self._log, model=self._model)
            self._voids = _unreadable(slots)
            self._epoch = 1 + max((s.record.writer.epoch for s in slots if s.record is not None), default=0)
            self._next = len(slots) + 1
            head = self._barrier()
            if head is not None:
                self._claimed = True
                return head
        raise StoreUnavailable(
            f"{self._log}: could not win a barrier in {_TRIES} tries; other writers claim the log all the time"
        )

    def _barrier(self) -> LogHead | None:
        """Try slot after slot; None when another writer claimed the same epoch."""
        barrier = Draft(kind=Kind.BARRIER)
        while True:
            won = self._put(barrier)
            if won is not None:
                return LogHead(won.slot, self._epoch)
            winner = self._pass()
            if winner is None:
                continue
            if winner.writer.epoch > self._epoch:
                raise self._fenced(winner)
            if winner.writer.epoch == self._epoch:
                return LogHead(winner.slot, self._epoch) if winner.writer.uid == self._uid else None

    def _append(self, draft: Draft) -> Record:
        while True:
            record = self._put(draft)
            if record is not None:
                return record
            lost = self._next
            winner = self._pass()
            if winner is None:
                raise Overtaken(lost, self._voids)
            if winner.writer.uid == self._uid:
                if _same(winner, draft):
                    return winner
                continue  # an older draft of this writer got through though its reply was lost: this one comes after it
            if winner.writer.epoch > self._epoch:
                raise self._fenced(winner)
            if winner.writer.epoch == self._epoch:
                lost = self._claim().slot
            raise Overtaken(lost, self._voids)

    def _put(self, draft: Draft) -> Record | None:
        """Win the next slot; None when it is taken."""
        if draft.voids is not None and draft.voids >= self._next and self._taken():
            return None  # the restored state has seen further than this writer
        record = self._record(draft)
        data = encode(record)
        for _ in range(_TRIES):
            try:
                self._store.put(record_key(self._log, self._next), data, create=True)
            except Conflict:
                if self._taken():
                    return None
                continue  # S3 may answer 409 to simultaneous puts though none has won yet
            self._next += 1
            return decode(data, record.called)
        raise StoreUnavailable(f"{record.called}: the store reports a conflict, but nothing is there")

    def _taken(self) -> bool:
        return self._store.head(record_key(self._log, self._next)) is not None

    def _pass(self) -> Record | None:
        """Read who won the next slot and go on to the one after it; None when it can't be read."""
        winner = read_slot(self._store, self._log, self._next, self._model).record
        if winner is None:
            self._voids = self._voids or self._next
        elif winner.kind is Kind.KEYFRAME:
            self._voids = None
        self._next += 1
        return winner

    def _fenced(self, winner: Record) -> Fenced:
        return Fenced(
            f"{winner.called}: writer {winner.writer.uid} with epoch {winner.writer.epoch} owns the log; "
            f"this one has epoch {self._epoch} and ends"
        )

    def _record(self, draft: Draft) -> Record:
        return Record(
            model=self._model,
            log=self._log.name,
            number=self._log.number,
            slot=self._next,
            kind=draft.kind,
            writer=Writer(self._uid, self._epoch),
            created=parse_time(time_text(self._now())),
            base=draft.base,
            parent=None,
            due=None,
            voids=draft.voids,
            positions=draft.positions,
            watermark=draft.watermark,
            step=draft.step,
            objects=draft.objects,
            windows=draft.windows,
            counters=draft.counters,
            contract=None,
            digest="",
        )

    def _check(self, draft: Draft) -> None:
        """Insist on a keyframe after an unreadable slot, unless another writer's keyframe has come by now."""
        if self._voids is None or self._log.name is not LogName.UPDATES:
            return
        if draft.kind is Kind.KEYFRAME and draft.voids is not None and draft.voids <= self._voids:
            return
        self._voids = _unreadable(read_log(self._store, self._log, model=self._model))
        if self._voids is not None:
            raise Overtaken(self._next - 1, self._voids)


def _same(winner: Record, draft: Draft) -> bool:
    """Whether a winner is this very draft; times are compared as the manifest holds them, to the millisecond."""
    names = ("kind", "base", "positions", "step", "objects", "voids", "counters")
    return all(getattr(winner, name) == getattr(draft, name) for name in names)


def _unreadable(slots: tuple[Slot, ...]) -> int | None:
    """Return the first unreadable slot after the newest keyframe, which starts readers anew."""
    first: int | None = None
    for slot in slots:
        if slot.record is None:
            first = first or slot.number
        elif slot.record.kind is Kind.KEYFRAME:
            first = None
    return first
