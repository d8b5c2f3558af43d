"""The loop that follows the store: target, bases, updates, and the pointer to what is served.

One thread runs it and owns all of its state; a base is loaded in a thread of its own, so that updates of the running
one go on. What others may read is in ``view``, an immutable value that is replaced whole.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from tandem_wire.errors import NotFound, Refused, WireError
from tandem_wire.report import CandidateReport
from tandem_wire.report import Refusal as RefusalReport
from tandem_wire.target import Target, read_target, read_target_if_changed
from tandem_wire.version import Version

from tandem_serving.background import give_way
from tandem_serving.clocks import Clocks
from tandem_serving.engine import Choice
from tandem_serving.errors import BuildError, EngineGone, NoRoom
from tandem_serving.follow import Failure, Held, Next, candidate, decide
from tandem_serving.line import Advance, Line, Origin, Rejection, load
from tandem_serving.memory import room
from tandem_serving.metrics import Metrics
from tandem_serving.publish import Published, Publisher, Served
from tandem_serving.shown import Shown

_log = structlog.get_logger(__name__)
_AGAIN_SECONDS = 1.0
_AGAIN_MOST_SECONDS = 300.0
_BACKOFF_MOST_SECONDS = 10.0
_REFUSALS_KEPT = 20
_DENIED_IN_A_ROW = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """What the loop needs to know.

    Args:
      pod: this pod's own name.
      poll_seconds: how often to look at the store.
    """

    pod: str
    poll_seconds: float


@dataclass(frozen=True, slots=True)
class View:
    """What the loop knows at one instant, for the report, the pages and readiness."""

    serving: Published | None = None
    """What is answered from, which is in ``loaded`` too."""
    target: Target | None = None
    held: Held = field(default_factory=Held)
    loaded: tuple[Version, ...] = ()
    candidate: CandidateReport | None = None
    refused: tuple[RefusalReport, ...] = ()
    store_seen_at: datetime | None = None
    choices: Mapping[int, tuple[Choice, ...]] = field(default_factory=dict)
    """By base, what computes which batch size."""
    captured: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """By base, what is inside of its captured graph, what is not, and why."""
    trouble: str = ""
    """Why the store could not be read at the last look; empty when it could."""


class Control:
    """The state of the loop.

    Args:
      settings: who this pod is.
      origin: where bases and updates come from.
      publisher: where versions are published; its engine holds the bases.
      metrics: where it is counted.
      clocks: what time it is.
    """

    def __init__(
        self,
        settings: Settings,
        origin: Origin,
        publisher: Publisher,
        metrics: Metrics,
        clocks: Clocks,
    ) -> None:
        self._clock = clocks.monotonic
        self._settings = settings
        self._origin = origin
        self._store = origin.store
        self._engine = publisher.engine
        self._publisher = publisher
        self._metrics = metrics
        self._now = clocks.now
        self._target: Target | None = None
        self._target_etag = ""
        self._lines: dict[int, Line] = {}
        self._loading: tuple[int, Future[tuple[Line, Advance]]] | None = None
        self._shown = Shown(publisher.engine)
        self._failed: dict[int, Failure] = {}
        self._tries: dict[int, int] = {}
        self._refused: tuple[RefusalReport, ...] = ()
        self._seen_at: datetime | None = None
        self._misses = 0
        self._denied = 0
        self._wake = threading.Event()
        self.view = View()
        self.on_first: Callable[[], None] = _nothing
        """Called by the loop's thread after the first version is published and is in ``view``."""
        self.fatal: WireError | None = None
        """The user's error that keeps this pod from ever answering; the program ends with it."""

    def run(self, stopping: threading.Event) -> None:
        """Look at the store again and again until told to stop, or until the user's error is clear."""
        while not stopping.is_set() and self.fatal is None:
            try:
                self.tick()
            except EngineGone:
                _log.exception("the engine is gone; this program ends and is started again")
                return
            except Exception:  # noqa: BLE001 - whatever it was, what is served stays served
                self._misses += 1
                _log.exception("a look at the store failed in a way that nobody foresaw; the service goes on")
            self._wake.wait(self._delay())
            self._wake.clear()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def tick(self) -> None:
        """One look: follow the target, take what was loaded, publish and drop, apply updates."""
        trouble = self._attempt(self._follow)
        self._take_loaded()
        self._shown.label(self._target)
        self._act(decide(self._target, self._settings.pod, self._held(), self._clock()))
        for base in list(self._lines):
            trouble = self._attempt(lambda line=self._lines[base]: self._advance(line)) or trouble  # type: ignore[misc]
        current = self._publisher.current
        held = {base: line.version for base, line in self._lines.items()}
        self._shown.offer(held, None if current is None else current.version)
        self._note(trouble)

    def _attempt(self, work: Callable[[], None]) -> WireError | None:
        try:
            work()
        except WireError as error:
            return error
        return None

    def _follow(self) -> None:
        try:
            if self._target is None:
                found = read_target(self._store)
            else:
                found = read_target_if_changed(self._store, self._target_etag)
        except NotFound:
            _log.warning("target.json is gone; this pod goes on with what it serves")
            return
        self._seen_at = self._now()
        if found:
            self._target, self._target_etag = found

    def _held(self) -> Held:
        current = self._publisher.current
        return Held(
            serving=None if current is None else current.version.base,
            loaded=frozenset(self._lines),
            loading=None if self._loading is None else self._loading[0],
            failed=dict(self._failed),
        )

    def _act(self, step: Next) -> None:
        for base in step.forget:
            self._failed.pop(base, None)
            self._tries.pop(base, None)
        if step.publish is not None:
            self._publish(self._lines[step.publish], "swap")
        if step.drop:
            for base in step.drop:
                del self._lines[base]
                self._engine.drop(base)
            _log.info("bases left memory", bases=sorted(step.drop))
        if step.load is not None:
            self._begin(step.load)

    def _begin(self, base: int) -> None:
        outcome: Future[tuple[Line, Advance]] = Future()
        outcome.add_done_callback(lambda _: self.wake())
        self._loading = (base, outcome)
        # The first base is tried whatever the limit says: without it there is nothing to protect.
        free = room() if self._lines else None

        def work() -> None:
            give_way()
            try:
                with self._metrics.build.labels("base").time():
                    outcome.set_result(load(self._engine, self._origin, base, free))
            except Exception as error:  # noqa: BLE001 - it is the loop's to judge, in _take_loaded
                outcome.set_exception(error)

        self._engine.set_loading(base)
        _log.info("loading a base", base=base)
        # A daemon, so that a slow store can't keep the process from ending.
        threading.Thread(target=work, name=f"load-{base}", daemon=True).start()

    def _take_loaded(self) -> None:
        if self._loading is None or not self._loading[1].done():
            return
        base, outcome = self._loading
        self._loading = None
        self._engine.set_loading(None)
        error = outcome.exception()
        if error is not None:
            self._fail(base, error)
            return
        line, advance = outcome.result()
        self._failed.pop(base, None)
        self._tries.pop(base, None)
        self._lines[base] = line
        self._refuse(advance.refused)

    def _fail(self, base: int, error: BaseException) -> None:
        """Note why a base could not be loaded; what can't change is not tried again while it is the candidate."""
        tries = self._tries[base] = self._tries.get(base, 0) + 1
        final = not isinstance(error, WireError | OSError) or isinstance(error, Refused)
        reason = str(error) if isinstance(error, WireError | BuildError) else f"{type(error).__name__}: {error}"
        if final and not isinstance(error, NoRoom):
            self._refuse((Rejection(f"checkpoints/{base}", reason),))
        for_good = final and self._target is not None and base == self._target.candidate
        again = None if for_good else self._clock() + min(_AGAIN_SECONDS * 2 ** min(tries, 16), _AGAIN_MOST_SECONDS)
        self._failed[base] = Failure(reason, again)
        _log.error(
            "a base could not be loaded",
            base=base,
            reason=reason,
            again=again is not None,
            exc_info=None if isinstance(error, WireError | BuildError) else error,
        )

    def _advance(self, line: Line) -> None:
        started = time.perf_counter()
        advance = line.advance()
        if advance.applied:
            self._metrics.build.labels("update").observe(time.perf_counter() - started)
        self._seen_at = self._now()
        self._refuse(advance.refused)
        current = self._publisher.current
        if advance.applied and current is not None and current.version.base == line.base:
            self._publish(line, "update")

    def _publish(self, line: Line, kind: str) -> None:
        version, first = line.version, self._publisher.current is None
        self._publisher.publish(Served(version, line.spec, line.watermark), self._now())
        self._metrics.published.labels(kind).inc()
        self._metrics.serving(version.base, version.update, line.watermark)
        # At once: until the look ends, the view would tell of a version that answers no more.
        self.view = self._seen(self.view.trouble)
        _log.info("a version is published", version=str(version), kind=kind)
        if first:
            self.on_first()

    def _refuse(self, refused: tuple[Rejection, ...]) -> None:
        for each in refused:
            _log.error("a record is refused", record=each.record, reason=each.reason)
            self._metrics.refused.inc()
            report = RefusalReport(each.record, each.reason, self._now())
            others = tuple(old for old in self._refused if old.record != each.record)
            self._refused = (*others, report)[-_REFUSALS_KEPT:]

    def _note(self, trouble: WireError | None) -> None:
        if trouble is None:
            self._misses = self._denied = 0
            self._seen_at = self._now()
        else:
            self._misses += not isinstance(trouble, Refused)
            self._denied = self._denied + 1 if trouble.fault == "User" else 0
            self._metrics.store_errors.inc()
            _log.warning("the store could not be read; the service goes on", reason=str(trouble), misses=self._misses)
        if self._denied >= _DENIED_IN_A_ROW and self._publisher.current is None:
            self.fatal = trouble
        self.view = self._seen("" if trouble is None else str(trouble))

    def _seen(self, trouble: str) -> View:
        held = self._held()
        return View(
            serving=self._publisher.published,
            target=self._target,
            held=held,
            loaded=tuple(sorted(line.version for line in self._lines.values())),
            choices={base: line.choices for base, line in self._lines.items()},
            captured={base: line.captured for base, line in self._lines.items() if line.captured},
            candidate=candidate(self._target, self._settings.pod, held),
            refused=self._refused,
            store_seen_at=self._seen_at,
            trouble=trouble,
        )

    def _delay(self) -> float:
        """Poll at the set interval; back off while the store is away, with jitter, since all pods wait for it."""
        interval = self._settings.poll_seconds
        if not self._misses:
            return interval
        most = max(interval, min(interval * 2 ** min(self._misses, 16), _BACKOFF_MOST_SECONDS))
        return random.uniform(interval / 2, most)  # noqa: S311 - jitter, no secret


def _nothing() -> None:
    """What happens after the first version, unless somebody cares."""
