"""Model B: streams the changing weights of one lineage and publishes a swift update every interval (README.md, M3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from tandem_wire.errors import Fenced, Overtaken, StoreUnavailable
from tandem_wire.layout import LogId
from tandem_wire.lineage import TrainingState, restore_training
from tandem_wire.log import LogWriter
from tandem_wire.objects import put_objects
from tandem_wire.records import Draft, Kind

from tandem_training.checkpoints import Cut, cut_of_deltas, restored, time_of, update_objects
from tandem_training.errors import SupersededError
from tandem_training.hooks import SyncSendSwiftHook
from tandem_training.patience import patiently
from tandem_training.session import Blueprint, Job, Session, assemble, draw

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UpdateCut:
    """A cut and the kind of record that it becomes.

    Attributes:
      kind: update or keyframe.
      voids: the first slot that this keyframe voids.
      state: what was copied.
    """

    kind: Kind
    voids: int | None
    state: Cut


class UpdateSwift:
    """Cuts the changing groups and appends them to the lineage's log.

    Args:
      job: what is given from outside.
      session: whose state is cut.
      log: claimed.
      base: digest of the base's manifest.
      voids: the first slot of the log that can't be read; the first record is then a keyframe.
    """

    def __init__(self, job: Job, session: Session, log: LogWriter, base: str, voids: int | None) -> None:
        self._job = job
        self._session = session
        self._log = log
        self._base = base
        self._voids = voids
        self._every = job.config.swift.keyframe_every
        self._keyframe_at = log.next_slot
        self._changing = sorted(set(session.state.tables) - set(job.config.freezing))

    def cut(self) -> UpdateCut:
        """Copy the dense weights and what changed in the changing tables, or all of them for a keyframe."""
        state = self._session.state
        dense = state.cut_dense()
        progress = self._session.trainer.progress(all_windows=False)
        deltas = {name: state.tables[name].begin_delta() for name in self._changing}
        cut = cut_of_deltas(dense, deltas, progress)
        if self._voids is None and self._log.next_slot - self._keyframe_at < self._every:
            return UpdateCut(Kind.UPDATE, None, cut)
        tables = {name: state.tables[name].snapshot() for name in self._changing}
        counts = {name: state.tables[name].admission_state() for name in self._changing}
        return UpdateCut(Kind.KEYFRAME, self._voids, Cut(dense, tables, {}, cut.epochs, progress, counts))

    def send(self, cut: UpdateCut, wait: Callable[[float], bool]) -> None:
        """Put the objects, then win a slot for their manifest; the same bytes again until the store takes them."""
        objects = update_objects(cut.state)
        progress = cut.state.progress

        def put() -> None:
            refs = put_objects(
                self._job.store,
                self._job.uid,
                LogId.updates(self._job.config.number).slot_name(self._log.next_slot),
                objects,
            )
            draft = Draft(
                kind=cut.kind,
                base=self._base,
                positions=progress.positions,
                watermark=None if progress.watermark is None else time_of(progress.watermark),
                step=cut.state.dense.step,
                objects=refs,
                windows=progress.windows,
                counters=progress.counters,
                voids=cut.voids,
            )
            record = self._log.append(draft)
            _LOG.info(
                "published",
                record=record.called,
                kind=cut.kind.value,
                step=record.step,
                rows=sum(len(table) for table in cut.state.tables.values()),
                bytes=sum(len(data) for data in objects.values()),
                watermark=None if record.watermark is None else record.watermark.isoformat(),
            )

        patiently(self._counting(put), wait, doing="publish", tries=None)

    def sent(self, cut: UpdateCut) -> None:
        """Tell the tables that the delta is durable."""
        for name, epoch in cut.state.epochs.items():
            self._session.state.tables[name].ack(epoch)
        self._job.metrics.published.labels(cut.kind.value).inc()
        for name, rows in self._session.state.rows().items():
            self._job.metrics.rows.labels(name).set(rows)
        if cut.kind is Kind.KEYFRAME:
            self._keyframe_at = self._log.next_slot - 1
            self._voids = None

    def _counting(self, put: Callable[[], None]) -> Callable[[], None]:
        def counted() -> None:
            try:
                put()
            except StoreUnavailable:
                self._job.metrics.failures.inc()
                raise

        return counted


def run_b(job: Job) -> None:
    """Stream until told to end, then publish the last update.

    Raises:
      SupersededError: a newer writer owns the log.
      UserError, WorldError, WireError: as ``main`` maps them to exit codes.
    """
    blueprint = draw(job.config)
    log = LogWriter(job.store, job.config.model, LogId.updates(job.config.number), uid=job.uid)
    try:
        head = patiently(log.claim, job.stop.wait, doing="claim the log")
        _LOG.info("log claimed", lineage=job.config.number, slot=head.slot, epoch=head.epoch)
        while not _stream(job, blueprint, log):
            _LOG.warning("another record stands in the slot; restoring to it", lineage=job.config.number)
    except Fenced as error:
        raise SupersededError(str(error)) from error


def _stream(job: Job, blueprint: Blueprint, log: LogWriter) -> bool:
    """Restore and stream; True at the end, False when the log has moved on and everything must be restored anew."""
    number = job.config.number
    state = patiently(
        lambda: restore_training(job.store, number, model=job.config.model), job.stop.wait, doing="restore the lineage"
    )
    session = assemble(job, blueprint, restored(state), frozen=job.config.freezing, strict=True)
    swift = UpdateSwift(job, session, log, state.base.digest, _voids(state, log))
    hook = SyncSendSwiftHook(swift, job.config.swift.interval_seconds, job.metrics)
    limit = job.config.training.max_steps
    try:
        if _voids(state, log) is not None:
            _LOG.warning("an update can't be read; healing by a keyframe", slot=_voids(state, log), restored=state.slot)
            hook.cut_now()
        session.trainer.run(
            lambda: job.stop.is_set() or (limit is not None and session.trainer.steps_taken >= limit), hook.boundary
        )
        durable = hook.finish()
    except Overtaken:
        return False
    finally:
        hook.abandon()
        session.close()
    _LOG.info("ended", lineage=number, step=session.state.step, lastUpdateDurable=durable)
    return True


def _voids(state: TrainingState, log: LogWriter) -> int | None:
    unreadable = [slot for slot in (state.voids, log.voids) if slot is not None]
    return min(unreadable, default=None)
