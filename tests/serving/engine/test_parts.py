"""The engine's own tests, also under sanitizers, and I2: its versions against what wire rebuilds.

What was compiled is kept in the user's cache by the sources' digest: a clone whose engine is unchanged runs it at once.
"""

import shutil
import sysconfig
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tandem_wire.errors import Refused
from tandem_wire.lineage import ServingState, apply, rebuild
from tandem_wire.objects import get_object, get_part
from tandem_wire.records import Kind, Part, Record
from tandem_wire.store import Store
from xxhash import xxh64_hexdigest

from tests import compiled
from tests.serving.lineage_writer import SPEC, LineageWriter

REBUILD = "engine_rebuild"
CORE = ("engine_rows_test", "engine_versions_test")
DOOR = ("engine_door_test", "engine_door_grpc_test", "engine_door_fuzz", "engine_control_test")
# Debian's gRPC is not instrumented, so ThreadSanitizer takes how it hands calls from thread to thread for races.
PROGRAMS = {
    "engine": (*CORE, "engine_dense_test", *DOOR),
    "engine-asan": (*CORE, *DOOR),
    "engine-core-tsan": CORE,
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def run(*words: str, said: str = "") -> str:
    return compiled.run(compiled.ENGINE, *words, said=said)


def programs(preset: str) -> Path:
    sources = [
        file
        for folder in (compiled.ENGINE / "src", compiled.CORE)
        for file in folder.rglob("*")
        if file.suffix in {".cc", ".h", ".txt"}
    ]
    described = [compiled.ENGINE / "CMakeLists.txt", compiled.ENGINE / "CMakePresets.json"]
    return compiled.obtain("engine-tests", preset, [*described, *sorted(sources)], partial(compile_into, preset))


def compile_into(preset: str, folder: Path) -> None:
    run("cmake", "--preset", preset)
    run("cmake", "--build", "--preset", preset, "--target", *PROGRAMS[preset], REBUILD)
    for program in (*PROGRAMS[preset], REBUILD):
        (built,) = (compiled.ENGINE / "build" / preset / "src").rglob(program)
        shutil.copy2(built, folder)


@pytest.mark.parametrize("preset", PROGRAMS)
def test_engine(preset, monkeypatch):
    packages = Path(sysconfig.get_path("platlib"))
    monkeypatch.setenv("TANDEM_DENSE_TINY", str(compiled.ENGINE / "src" / "dense" / "tests" / "tiny"))
    monkeypatch.setenv("TANDEM_TENSORFLOW", str(packages / "tensorflow" / "libtensorflow_cc.so.2"))
    folder = programs(preset)
    for program in PROGRAMS[preset]:
        run(str(folder / program))


def described(state: ServingState) -> list[str]:
    """A version as ``engine_rebuild`` prints it."""
    lines = []
    for table in SPEC.tables:
        rows = state.tables[table.name]
        digest = xxh64_hexdigest(rows.keys.tobytes() + rows.values.tobytes())
        lines.append(f"{state.version} {table.name} {rows.keys.size} {digest}")
    weights = np.concatenate([state.weights[spec.name].ravel() for spec in SPEC.weights])
    return [*lines, f"{state.version} weights {weights.size} {xxh64_hexdigest(weights.tobytes())}"]


def fetch(store: Store, record: Record, folder: Path) -> Path:
    """Write a record's serving part as a pod has it on its disk."""
    folder.mkdir()
    for ref in record.objects:
        if ref.part is Part.SERVING:
            (folder / ref.name).write_bytes(get_object(store, ref))
    return folder


@pytest.mark.parametrize("preset", ["engine", "engine-asan"])
def test_versions_are_those_that_wire_rebuilds(preset, store, tmp_path):
    writer = LineageWriter(store, seed=11, graph=b"")
    base = fetch(store, writer.base(3), tmp_path / "base")
    records = [writer.keyframe(3) if n % 7 == 5 else writer.update(3) for n in range(30)]
    updates = [
        f"{record.slot} {record.kind.value} {fetch(store, record, tmp_path / str(record.slot)) / 'serving.safetensors'}"
        for record in records
    ]
    printed = run(str(programs(preset) / REBUILD), "3", str(base), said="\n".join(updates)).splitlines()
    expected = [line for slot in (0, *(r.slot for r in records)) for line in described(rebuild(store, 3, slot))]
    assert printed == expected


def test_what_wire_refuses_is_refused(store, tmp_path):
    writer = LineageWriter(store, seed=12, graph=b"")
    base = fetch(store, writer.base(3), tmp_path / "base")
    weights = {f"weights/{name}": tensor for name, tensor in writer.weights().items()}
    spoiled = [
        weights | {"rows/users/keys": np.zeros(0, np.int64), "rows/users/values": np.zeros((0, 4), np.float32)},
        weights | {"rows/terms/keys": np.array([2, 1]), "rows/terms/values": np.zeros((2, 4), np.float32)},
        weights | {"rows/terms/keys": np.array([1]), "rows/terms/values": np.zeros((1, 3), np.float32)},
        {name: tensor for name, tensor in weights.items() if name != "weights/mlp/bias"},
        weights | {"weights/mlp/bias": np.zeros(5, np.float32)},
        weights | {"weights/more": np.zeros(5, np.float32)},
    ]
    records = [writer.append(3, Kind.UPDATE, tensors) for tensors in spoiled]
    updates = [
        f"{record.slot} {record.kind.value} {fetch(store, record, tmp_path / str(record.slot)) / 'serving.safetensors'}"
        for record in records
    ]
    printed = run(str(programs("engine") / REBUILD), "3", str(base), said="\n".join(updates)).splitlines()
    first = rebuild(store, 3, 0)
    assert printed[:3] == described(first)
    for record, line in zip(records, printed[3:], strict=True):
        assert line.startswith(f"refused updates/3/{record.slot}: ")
        assert line.endswith("3.0 stays")
        with pytest.raises(Refused):
            apply(first, record, get_part(store, record, Part.SERVING))
