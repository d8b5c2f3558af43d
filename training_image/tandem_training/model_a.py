"""Model A: trains all weights from a parent base, and makes the next base when the cycle says so (README.md, M3)."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Final

import structlog
from tandem_wire.bases import BaseDraft, put_base, read_base
from tandem_wire.config import Contract, TrainerConfig
from tandem_wire.errors import Conflict, NotFound, WireError
from tandem_wire.layout import LogId, base_slot
from tandem_wire.lineage import restore_training
from tandem_wire.log import LogWriter
from tandem_wire.objects import put_objects
from tandem_wire.store import Store
from tandem_wire.target import read_target

from tandem_training.checkpoints import Cut, Restored, base_objects, ms_of, restored, time_of
from tandem_training.exports import add_export, model_spec, verify_export
from tandem_training.patience import patiently
from tandem_training.session import Blueprint, Job, Session, assemble, draw

_LOG = structlog.get_logger(__name__)
_POLL_SECONDS: Final = 1.0


class CutWatcher:
    """Reads target.json in a thread and says when this run shall be cut.

    Args:
      store: of the model.
      number: of the base that the run makes.
    """

    def __init__(self, store: Store, number: int) -> None:
        self._store = store
        self._number = number
        self._stop = threading.Event()
        self._cut: datetime | None = None
        self._away = False
        self._thread = threading.Thread(target=self._run, name="target", daemon=True)

    @property
    def cut(self) -> datetime | None:
        """When the run was told to end; None while it goes on."""
        return self._cut

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=5)

    def look(self) -> None:
        """Read target.json once; while the store is away what was known stays."""
        try:
            found = read_target(self._store)
        except WireError as error:
            if not self._away:
                _LOG.warning("target.json not readable, training goes on", error=str(error))
            self._away = True
            return
        self._away = False
        run = None if found is None else found[0].run
        if run is not None and run.makes == self._number and run.cut is not None and self._cut is None:
            _LOG.info("told to cut", base=self._number, cut=run.cut.isoformat())
            self._cut = run.cut

    def _run(self) -> None:
        while self._cut is None:
            self.look()
            if self._stop.wait(_POLL_SECONDS):
                return


def run_a(job: Job) -> None:
    """Train until the cut and make the base; a SIGTERM ends it without one.

    Raises:
      UserError, WorldError, WireError: as ``main`` maps them to exit codes.
    """
    config = job.config
    blueprint = draw(config)
    if _exists(job):
        _LOG.info("base is durable already", base=config.number)
        return
    log = LogWriter(job.store, config.model, LogId.runs(config.number), uid=job.uid)
    head = patiently(log.claim, job.stop.wait, doing="claim the run")
    _LOG.info("run claimed", run=config.number, slot=head.slot, epoch=head.epoch)
    session = assemble(job, blueprint, _parent(job), frozen=(), strict=False)
    watcher = CutWatcher(job.store, config.number)
    watcher.start()
    try:
        session.trainer.run(lambda: job.stop.is_set() or _ended(config, session, watcher.cut), lambda: None)
        if job.stop.is_set():
            _LOG.info("asked to end; no base is made", run=config.number, step=session.state.step)
            return
        make_base(job, blueprint, session)
    finally:
        watcher.stop()
        session.close()


def make_base(job: Job, blueprint: Blueprint, session: Session) -> None:
    """Write the base of the present state, verify its export on the last batch, and win its manifest.

    Raises:
      WorldError: the export does not answer as the live model does; nothing is published.
      StoreUnavailable: the store stayed away.
    """
    config = job.config
    cut = Cut(
        dense=session.state.cut_dense(),
        tables={name: table.snapshot() for name, table in session.state.tables.items()},
        removed={},
        epochs={},
        progress=session.trainer.progress(all_windows=True),
        admission={name: table.admission_state() for name, table in session.state.tables.items()},
    )
    objects = base_objects(cut, drop_zeros=True)
    spec = model_spec(blueprint.model, config.model.rpartition("/")[2], config.freezing)
    add_export(objects, blueprint.model, spec)
    if session.trainer.last_batch is not None:
        worst = verify_export(objects, session.trainer.last_batch, session.steps.score(session.trainer.last_batch))
        _LOG.info(
            "export verified", base=config.number, samples=len(session.trainer.last_batch), greatestDifference=worst
        )
    progress = cut.progress
    contract = Contract(
        entrypoint=config.entrypoint,
        config=config.config,
        freezing=config.freezing,
        streams=config.streams,
        tables=spec.tables,
        training=config.training,
    )

    def put() -> str:
        draft = BaseDraft(
            model=config.model,
            number=config.number,
            uid=job.uid,
            parent=config.parent,
            due=config.due,
            positions=progress.positions,
            watermark=None if progress.watermark is None else time_of(progress.watermark),
            step=cut.dense.step,
            objects=put_objects(job.store, job.uid, base_slot(config.number), objects),
            contract=contract.to_value(),
            windows=progress.windows,
            counters=progress.counters,
        )
        return put_base(job.store, draft).digest

    try:
        digest = patiently(put, job.stop.wait, doing="write the base")
    except Conflict:
        _LOG.info("another writer made the base", base=config.number)
        return
    job.metrics.published.labels("base").inc()
    size = sum(len(data) for data in objects.values())
    _LOG.info(
        "base durable",
        base=config.number,
        step=cut.dense.step,
        digest=digest[:8],
        bytes=size,
        rows=session.state.rows(),
    )


def _exists(job: Job) -> bool:
    try:
        patiently(lambda: read_base(job.store, job.config.number), job.stop.wait, doing="look for the base")
    except NotFound:
        return False
    return True


def _parent(job: Job) -> Restored | None:
    parent = job.config.parent
    if parent is None:
        return None
    # The parent's base alone: updates in its log were cut without the freezing tables, and A learns from their samples
    # itself.
    own = LogId.runs(job.config.number)
    state = patiently(
        lambda: restore_training(job.store, parent, own, job.config.model),
        job.stop.wait,
        doing="restore the parent base",
    )
    return restored(state)


def _ended(config: TrainerConfig, session: Session, cut: datetime | None) -> bool:
    limit = config.training.max_steps
    if limit is not None and session.trainer.steps_taken >= limit:
        return True
    if cut is None:
        return False
    return config.due is None or session.trainer.caught_up(ms_of(cut))
