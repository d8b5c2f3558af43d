import os
import signal
import threading

import pytest
from tandem_serving.engine import Engine, EngineOptions
from tandem_serving.errors import BadExport, EngineBug, EngineGone
from tandem_wire.version import Version


@pytest.fixture
def engine(engine_program):  # noqa: ARG001 - it sets where the program is
    engine = Engine(EngineOptions(model="search", port=0, batch_sizes=(4, 1, 4)))
    yield engine
    engine.close()


def test_it_opens_a_port_and_counts(engine):
    assert engine.port() > 0
    assert engine.alive()
    stats = engine.stats()
    assert (stats.answers, stats.errors, stats.in_flight, stats.versions) == (0, 0, 0, ())
    assert "tandem_engine_requests_total" in stats.text


def test_refusals_are_errors_of_their_kind(engine, tmp_path):
    with pytest.raises(BadExport, match=r"checkpoints/3: model.json can't be opened; the base is refused"):
        engine.load(3, tmp_path, None)
    with pytest.raises(EngineBug, match="base 3 is not in memory; load it first"):
        engine.publish(Version(3, 0))
    with pytest.raises(EngineBug, match="must be an integer"):
        engine.drop(-1)
    assert engine.alive()


def test_told_to_end_it_ends_without_a_cry(engine):
    engine.on_end = lambda: pytest.fail("it was told to end")
    engine.drain(1.0)
    assert not engine.alive()
    assert engine._process.returncode == 0
    with pytest.raises(EngineGone, match="the engine gave no answer to 'stats'"):
        engine.stats()


def test_its_death_is_noticed_and_fails_who_waits(engine):
    gone = threading.Event()
    engine.on_end = gone.set
    engine.port()
    os.kill(engine.pid, signal.SIGKILL)
    assert gone.wait(10)
    with pytest.raises(EngineGone, match="'ports'"):
        engine.port()


def test_its_folder_goes_with_it(engine):
    folder = engine._folder
    assert folder.is_dir()
    engine.close()
    engine.close()
    assert not folder.exists()


def test_a_program_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setenv("TANDEM_ENGINE", "/nowhere/tandem-engine")
    with pytest.raises(EngineGone, match=r"can't be started: .*; set TANDEM_ENGINE"):
        Engine(EngineOptions(model="search", port=0))
