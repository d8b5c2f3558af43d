"""``python -m tandem_wire`` shows, verifies and rebuilds."""

import subprocess
import sys
from pathlib import Path

import pytest
from tandem_wire.__main__ import main, state_tensors
from tandem_wire.lineage import rebuild
from tandem_wire.records import Part
from tandem_wire.store.local import LocalStore
from tandem_wire.target import Owner, Target, write_target
from tandem_wire.tensors import pack

from tests.wire.builders import T0, Lineage, damage


@pytest.fixture
def lineage(local: LocalStore) -> Lineage:
    found = Lineage(local)
    found.update({1: 1.5})
    found.update({1: 2.5}, step=12)
    return found


def ask(lineage: Lineage, command: str, *more: str) -> tuple[int, str]:
    said: list[str] = []
    code = main([command, lineage.store.location, *more], said.append)
    return code, "".join(said)


def test_show(lineage: Lineage) -> None:
    write_target(lineage.store, Target.first(Owner("c", "r"), T0), None)
    code, said = ask(lineage, "show")
    assert code == 0
    assert said.splitlines()[0] == "target: revision 1, stable None, candidate None, run none"
    assert "base 0: base, step 10, watermark 2026-11-10T12:00:00.000Z, 6 objects" in said
    assert "slots 1…3: 1 barrier, 2 update" in said
    assert "update 3: update, step 12" in said


def test_verify(lineage: Lineage) -> None:
    assert ask(lineage, "verify") == (0, "verified 4 manifests and their objects\n")
    bad = lineage.update({1: 3.5}, step=13)
    damage(lineage.store, next(ref.key for ref in bad.objects if ref.part is Part.TRAINING))
    code, said = ask(lineage, "verify")
    assert code == 3
    assert said.startswith("REFUSED updates/0/4: digest of training.safetensors is")


def test_rebuild(lineage: Lineage, tmp_path: Path) -> None:
    out = tmp_path / "state.safetensors"
    code, said = ask(lineage, "rebuild", "0.2", "--out", str(out))
    assert (code, said.splitlines()[0]) == (0, "version 0.2")
    assert out.read_bytes() == pack(state_tensors(rebuild(lineage.store, 0, 2)))
    assert ask(lineage, "rebuild", "0")[1].startswith("version 0.3\n")


WRONG = [
    ("no version", ["rebuild", "seven"], 2, "is not a version such as 17.204"),
    ("no such base", ["rebuild", "7"], 1, "checkpoints/000000007.json: no such object"),
]


@pytest.mark.parametrize(("case", "arguments", "code", "why"), WRONG, ids=[case[0] for case in WRONG])
def test_errors_are_told(case: str, arguments: list[str], code: int, why: str, lineage: Lineage) -> None:
    found, said = ask(lineage, *arguments)
    assert found == code, case
    assert said.startswith("error: ")
    assert why in said


def test_it_is_a_program(lineage: Lineage) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tandem_wire", "verify", lineage.store.location],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "verified 4 manifests and their objects\n")
