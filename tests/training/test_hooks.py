import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from tandem_training.hooks import SyncSendSwiftHook
from tandem_training.metrics import Metrics

from tests.training.builders import eventually


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Recorder:
    """A swift whose sends take until ``gate`` is set."""

    gate: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    cuts: int = 0
    sends: list[int] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def cut(self) -> int:
        self.threads.add(threading.current_thread().name)
        self.cuts += 1
        return self.cuts

    def send(self, cut: int, wait: Callable[[float], bool]) -> None:
        while not self.gate.is_set():
            if wait(0.01):
                raise TimeoutError
        if self.error is not None:
            raise self.error
        self.sends.append(cut)

    def sent(self, cut: int) -> None:
        self.threads.add(threading.current_thread().name)
        self.acknowledged.append(cut)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def swift() -> Recorder:
    return Recorder()


@pytest.fixture
def hook(swift: Recorder, clock: Clock) -> SyncSendSwiftHook[int]:
    return SyncSendSwiftHook(swift, 60.0, Metrics(), clock)


def test_cuts_when_due_and_only_then(hook, swift, clock):
    swift.gate.set()
    for now, cuts in ((0, 0), (59, 0), (60, 1), (61, 1), (119, 1), (120, 2)):
        clock.now = now
        hook.boundary()
        assert swift.cuts == cuts
        assert hook.wait(10)
    assert swift.acknowledged == [1, 2]


def test_training_goes_on_while_an_update_is_sent(hook, swift, clock):
    clock.now = 60
    hook.boundary()
    for clock.now in range(61, 400):
        hook.boundary()
    assert (swift.cuts, swift.sends, swift.acknowledged) == (1, [], [])
    swift.gate.set()
    assert eventually(lambda: swift.sends)
    assert hook.wait(10)
    hook.boundary()
    assert swift.cuts == 2


def test_cuts_keep_their_rhythm_after_a_slow_store(hook, swift, clock):
    swift.gate.set()
    clock.now = 60 * 5 + 17
    hook.boundary()
    assert hook.wait(10)
    clock.now = 60 * 6 - 1
    hook.boundary()
    assert swift.cuts == 1
    clock.now = 60 * 6
    hook.boundary()
    assert swift.cuts == 2
    assert hook.wait(10)


def test_cut_and_acknowledgement_are_the_training_threads(hook, swift, clock):
    swift.gate.set()
    clock.now = 60
    hook.boundary()
    assert hook.wait(10)
    assert swift.threads == {threading.current_thread().name}


def test_what_ends_the_sending_is_raised_at_the_next_boundary(hook, swift, clock):
    swift.error = RuntimeError("fenced")
    swift.gate.set()
    clock.now = 60
    hook.boundary()
    with pytest.raises(RuntimeError, match="fenced"):
        hook.wait(10)
    assert swift.acknowledged == []


def test_finish_sends_what_is_under_way_and_a_last_update(swift):
    hook = SyncSendSwiftHook(swift, 60.0, Metrics())
    hook.cut_now()
    swift.gate.set()
    assert hook.finish(10)
    assert swift.acknowledged == [1, 2]


def test_finish_gives_up_in_time(swift):
    hook = SyncSendSwiftHook(swift, 60.0, Metrics())
    hook.cut_now()
    assert not hook.finish(0.05)
    assert (swift.cuts, swift.acknowledged) == (1, [])
    hook.abandon()
