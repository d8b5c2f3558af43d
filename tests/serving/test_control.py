import errno
import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tandem_serving.cache import Cache, CacheOptions
from tandem_serving.clocks import Clocks
from tandem_serving.control import Control, Settings
from tandem_serving.engine import Engine, EngineOptions
from tandem_serving.line import Origin
from tandem_serving.metrics import Metrics
from tandem_serving.publish import Publisher
from tandem_wire.errors import StoreDenied
from tandem_wire.report import CandidateState
from tandem_wire.version import Version

from tests.serving.fragile_store import AWAY, FragileStore
from tests.serving.lineage_writer import MODEL_NAME, corrupt

POD = "pod-1"
START = datetime(2026, 11, 10, tzinfo=UTC)


@dataclass
class Pod:
    """A control loop that is turned by hand, with a clock that is set by hand."""

    store: FragileStore
    engine: Engine
    folder: Path
    now: datetime = START
    clock: float = 1000.0
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        origin = Origin(self.store.store, Cache(CacheOptions(self.folder)), MODEL_NAME)
        self.publisher = Publisher(self.engine)
        settings = Settings(POD, poll_seconds=1.0)
        self.control = Control(
            settings, origin, self.publisher, self.metrics, Clocks(lambda: self.now, lambda: self.clock)
        )

    @property
    def version(self) -> Version | None:
        current = self.publisher.current
        return None if current is None else current.version

    def turn(self, turns: int = 3) -> "Pod":
        """Look at the store some times; loads that a look begins are over before the next."""
        for _ in range(turns):
            self.control.tick()
            if self.control._loading is not None:
                self.control._loading[1].exception(timeout=30)
        return self


@pytest.fixture
def pod(store, tmp_path, engine_program):  # noqa: ARG001 - it sets where the program is
    engine = Engine(EngineOptions(model="search", port=0, batch_sizes=(1, 4)))
    yield Pod(FragileStore(store), engine, tmp_path / "cache")
    engine.close()


def test_it_waits_for_a_target_and_for_a_base(pod, writer):
    assert pod.turn().version is None
    writer.target(stable=None)
    assert pod.turn().version is None
    writer.base(0)
    writer.target(stable=0)
    assert pod.turn().version == Version(0, 0)


def test_it_follows_updates(pod, writer):
    writer.base(3)
    writer.target(stable=3)
    pod.turn()
    record = writer.update(3)
    assert pod.turn(1).version == Version(3, record.slot)
    assert pod.control.view.loaded == (Version(3, record.slot),)
    assert pod.publisher.published.current.watermark == record.watermark


def rollout(pod, writer):
    """Stable 3 with an update, candidate 4, and this pod on the candidate."""
    writer.base(3)
    writer.update(3)
    writer.target(stable=3)
    pod.turn()
    writer.base(4)
    writer.target(stable=3, candidate=4, pods=(POD,))
    return pod.turn()


def test_a_listed_pod_answers_from_the_candidate_and_keeps_stable_fresh(pod, writer):
    assert rollout(pod, writer).version == Version(4, 0)
    assert pod.control.view.candidate.state is CandidateState.WARM
    last = writer.update(3)
    pod.turn(1)
    assert pod.version == Version(4, 0)
    assert pod.control.view.loaded == (Version(3, last.slot), Version(4, 0))


def test_who_is_ready_knows_its_labels(pod, writer):
    writer.base(3)
    last = writer.update(3)
    writer.target(stable=3)
    known = []
    pod.control.on_first = lambda: known.append((pod.engine.stats().labels, pod.control.view.serving))
    pod.turn()
    assert known == [({"stable": f"3.{last.slot}"}, pod.publisher.published)]


def test_what_is_served_is_at_once_in_the_view(pod, writer):
    views, publish = [], pod.control._publish

    def noted(line, kind):
        publish(line, kind)
        views.append(pod.control.view)

    pod.control._publish = noted
    rollout(pod, writer)
    writer.target(stable=3)
    pod.turn(1)
    writer.update(3)
    pod.turn(1)
    told = [(str(view.serving.current.version), len(view.loaded)) for view in views]
    assert told == [("3.2", 1), ("4.0", 2), ("3.2", 2), ("3.3", 1)]
    for view in views:
        assert view.serving.current.version in view.loaded
        assert view.store_seen_at is not None


def test_what_is_held_beside_can_be_asked_for(pod, writer):
    rollout(pod, writer)
    last = writer.update(3)
    pod.turn(1)
    assert pod.engine.stats().versions[:2] == ("4.0", f"3.{last.slot}")
    assert pod.engine.stats().labels == {"stable": f"3.{last.slot}", "candidate": "4.0"}
    writer.target(stable=4)
    pod.turn(1)
    assert pod.engine.stats().labels == {"stable": "4.0"}


def test_going_back_is_one_look_and_as_fresh_as_stable(pod, writer):
    rollout(pod, writer)
    last = writer.update(3)
    pod.turn(1)
    writer.target(stable=3)
    assert pod.turn(1).version == Version(3, last.slot)
    assert pod.control.view.loaded == (Version(3, last.slot),)
    assert pod.control.view.candidate is None


def test_after_the_promotion_the_old_base_leaves_memory(pod, writer):
    rollout(pod, writer)
    writer.target(stable=4)
    pod.turn(1)
    assert pod.version == Version(4, 0)
    assert pod.control.view.loaded == (Version(4, 0),)
    assert pod.engine.stats().versions == ("4.0",)


def test_a_candidate_that_is_corrupt_fails_and_the_pod_stays(pod, writer, store):
    writer.base(3)
    writer.target(stable=3)
    pod.turn()
    corrupt(store, writer.base(4))
    revision = writer.target(stable=3, candidate=4, pods=(POD,)).revision
    pod.turn()
    assert pod.version == Version(3, 0)
    view = pod.control.view
    assert view.target.revision == revision
    assert view.candidate.state is CandidateState.FAILED
    assert "checkpoints/4" in view.candidate.reason
    assert [refusal.record for refusal in view.refused] == ["checkpoints/4"]
    record = writer.update(3)
    assert pod.turn(1).version == Version(3, record.slot)


def test_a_candidate_that_does_not_run_fails_and_is_tried_once(pod, writer):
    writer.base(3)
    writer.target(stable=3)
    pod.turn()
    writer.base(4, graph=b"\xff")
    writer.target(stable=3, candidate=4, pods=(POD,))
    pod.turn(5)
    assert pod.control.view.candidate.state is CandidateState.FAILED
    assert "GraphDef" in pod.control.view.candidate.reason
    assert pod.metrics.registry.get_sample_value("tandem_serving_refused_total") == 1


def test_a_pod_that_starts_listed_takes_stable_when_the_candidate_fails(pod, writer, store):
    writer.base(3)
    corrupt(store, writer.base(4))
    writer.target(stable=3, candidate=4, pods=(POD,))
    assert pod.turn().version == Version(3, 0)
    assert pod.control.view.candidate.state is CandidateState.FAILED


def test_another_pods_candidate_is_no_concern(pod, writer):
    writer.base(3)
    writer.base(4)
    writer.target(stable=3, candidate=4, pods=("pod-2",))
    assert pod.turn().version == Version(3, 0)
    assert pod.control.view.candidate is None
    assert pod.control.view.loaded == (Version(3, 0),)


def test_a_corrupt_update_is_reported_and_healed(pod, writer):
    writer.base(3)
    writer.target(stable=3)
    pod.turn()
    bad = writer.update(3, spoiled=True)
    pod.turn()
    assert pod.version == Version(3, 0)
    assert [refusal.record for refusal in pod.control.view.refused] == [bad.called]
    healed = writer.keyframe(3, voids=bad.slot)
    assert pod.turn(1).version == Version(3, healed.slot)


def test_while_the_store_is_away_the_service_goes_on_and_catches_up(pod, writer):
    writer.base(3)
    writer.target(stable=3)
    pod.turn()
    seen = pod.control.view.store_seen_at
    pod.store.error = AWAY
    pod.now += timedelta(minutes=10)
    pod.turn()
    assert pod.version == Version(3, 0)
    assert pod.control.view.store_seen_at == seen
    assert pod.control.view.trouble == str(AWAY)
    assert pod.control._delay() > 0.5
    pod.store.error = None
    last = [writer.update(3), writer.update(3)][-1]
    assert pod.turn(1).version == Version(3, last.slot)
    assert pod.control.view.store_seen_at == pod.now
    assert pod.control.view.trouble == ""
    assert pod.control._delay() == 1.0


def test_delays_grow_to_a_bound(pod):
    pod.store.error = AWAY
    delays = []
    for _ in range(30):
        pod.turn(1)
        delays.append(pod.control._delay())
    assert max(delays) <= 10.0
    assert max(delays[10:]) > 2.0
    assert len(set(delays)) > 20


@pytest.mark.parametrize("at", ["control.load", "line.Line.advance"], ids=["its objects", "its log"])
def test_a_base_that_the_store_interrupts_leaves_nothing_behind_and_is_tried_again_later(pod, writer, monkeypatch, at):
    def away(*_):
        raise AWAY

    writer.base(3)
    writer.target(stable=3)
    with monkeypatch.context() as patched:
        patched.setattr(f"tandem_serving.{at}", away)
        assert pod.turn().version is None
    assert pod.turn().version is None
    assert pod.control.view.refused == ()
    pod.clock += 60
    pod.now -= timedelta(days=1)  # a clock that people set is no matter
    assert pod.turn().version == Version(3, 0)


def test_the_engine_is_told_what_is_served_and_what_left(pod, writer):
    rollout(pod, writer)
    stable, candidate = pod.control.view.loaded
    assert pod.engine.stats().versions == (str(candidate), str(stable))
    writer.target(stable=3)
    pod.turn(1)
    assert pod.engine.stats().versions == (str(stable),)


def test_without_the_engine_the_loop_ends(pod, writer):
    writer.base(3)
    writer.target(stable=3)
    pod.turn()
    pod.engine.close()
    writer.update(3)
    pod.control.run(threading.Event())
    assert pod.control.fatal is None


def test_a_target_that_is_gone_or_unreadable_changes_nothing(pod, writer, store):
    writer.base(3)
    writer.target(stable=3)
    pod.turn()
    store.put("target.json", b"{}")
    assert pod.turn().version == Version(3, 0)
    assert "target.json" in pod.control.view.trouble
    store.delete("target.json")
    record = writer.update(3)
    assert pod.turn().version == Version(3, record.slot)


def test_the_users_error_ends_a_pod_that_never_answered(pod):
    pod.store.error = StoreDenied("the key is wrong; correct the secret")
    assert pod.turn(4).control.fatal is None
    assert pod.turn(1).control.fatal is pod.store.error


def test_the_users_error_does_not_end_a_pod_that_answers(pod, writer):
    writer.base(3)
    writer.target(stable=3)
    pod.turn()
    pod.store.error = StoreDenied("the key is wrong; correct the secret")
    pod.turn(10)
    assert pod.control.fatal is None
    assert pod.version == Version(3, 0)


def test_an_error_that_nobody_foresaw_fails_the_candidate_only(pod, writer, monkeypatch):
    writer.base(3)
    writer.target(stable=3)
    pod.turn()
    writer.base(4)
    monkeypatch.setattr("tandem_serving.control.load", lambda *_: 1 // 0)
    writer.target(stable=3, candidate=4, pods=(POD,))
    pod.turn()
    assert pod.version == Version(3, 0)
    assert "ZeroDivisionError" in pod.control.view.candidate.reason


def test_a_candidate_that_finds_the_disk_full_is_tried_again(pod, writer, monkeypatch):
    writer.base(3)
    writer.target(stable=3)
    pod.turn()
    writer.base(4)
    writer.target(stable=3, candidate=4, pods=(POD,))

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("tandem_serving.control.load", full)
        pod.turn()
    assert pod.version == Version(3, 0)
    assert pod.control.view.candidate.state is CandidateState.LOADING
    assert "No space left on device" in pod.control.view.candidate.reason
    pod.clock += 10
    assert pod.turn().version == Version(4, 0)


def test_a_candidate_that_does_not_fit_beside_is_refused_before_it_is_read(pod, writer, monkeypatch):
    writer.base(3)
    writer.target(stable=3)
    monkeypatch.setattr("tandem_serving.control.room", lambda: 100)
    assert pod.turn().version == Version(3, 0)
    writer.base(4)
    writer.target(stable=3, candidate=4, pods=(POD,))
    pod.turn()
    assert pod.version == Version(3, 0)
    assert pod.control.view.candidate.state is CandidateState.FAILED
    assert "raise the memory limit in spec.serving.resources" in pod.control.view.candidate.reason
    assert pod.control.view.refused == ()
