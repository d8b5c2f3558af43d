import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tandem_training.errors import SupersededError, UserError, WorldError
from tandem_training.main import describe
from tandem_training.model_a import run_a
from tandem_training.session import Job
from tandem_wire.config import Role, SwiftConfig, TrainingConfig
from tandem_wire.errors import InvalidValue, NoSuchBucket, StoreDenied, StoreUnavailable
from tandem_wire.lineage import restore_training
from tandem_wire.report import Termination
from tandem_wire.store import open_store

from tests.training.builders import config, eventually, now_seconds, put_segments, samples, stream


@pytest.mark.parametrize(
    ("error", "kind", "reason", "code"),
    [
        (UserError("UnknownEntrypoint", "x"), "User", "UnknownEntrypoint", 2),
        (WorldError("BrokerUnavailable", "x"), "World", "BrokerUnavailable", 1),
        (SupersededError("x"), "World", "Superseded", 1),
        (NoSuchBucket("x"), "User", "NoSuchBucket", 2),
        (StoreDenied("x"), "User", "StoreDenied", 2),
        (StoreUnavailable("x"), "World", "StoreUnavailable", 1),
        (InvalidValue("streams", "x"), "User", "InvalidValue", 2),
        (ZeroDivisionError("x"), "World", "Unexpected", 1),
    ],
)
def test_describe(error, kind, reason, code):
    termination = describe(error)
    assert (termination.kind, termination.reason, termination.exit_code) == (kind, reason, code)


class Program:
    """The program as its Job runs it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.termination = folder / "termination"
        settings = os.environ | environment | {"TANDEM_TERMINATION_LOG": str(self.termination)}
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tandem_training"], env=settings, stdout=log, stderr=log
            )

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def said(self, event: str) -> bool:
        return any(line["event"] == event for line in self.lines())


@pytest.mark.slow
def test_sigterm_publishes_the_last_update_and_exits_0(tmp_path):
    put_segments(tmp_path / "click", samples(640), per_segment=100)
    streams = [stream("click", tmp_path / "click")]
    settings = config(f"file://{tmp_path}/store", streams, training=TrainingConfig(16, max_steps=5))
    run_a(Job(config=settings, store=open_store(settings.store), clock=now_seconds))
    settings = config(f"file://{tmp_path}/store", streams, Role.B, swift=SwiftConfig(3600.0, 60))
    program = Program(tmp_path, {"TANDEM_TRAINER": settings.to_json()})
    try:
        assert eventually(lambda: program.said("assembled"), 250)
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(250) == 0, program.log.read_text()
    finally:
        program.process.kill()
    assert program.said("published")
    assert not program.termination.exists()
    state = restore_training(open_store(settings.store), 0)
    (ended,) = (line for line in program.lines() if line["event"] == "ended")
    assert (ended["step"], ended["lastUpdateDurable"]) == (state.step, True)


@pytest.mark.slow
def test_a_users_error_exits_2_and_says_why(tmp_path):
    settings = config(f"file://{tmp_path}/store", [stream("click", tmp_path)], entrypoint="no_such.model:build")
    program = Program(tmp_path, {"TANDEM_TRAINER": settings.to_json()})
    assert program.process.wait(250) == 2
    said = Termination.from_json(program.termination.read_text())
    assert (said.kind, said.reason) == ("User", "UnknownEntrypoint")
    assert 'spec.model.entrypoint "no_such.model:build"' in said.message
