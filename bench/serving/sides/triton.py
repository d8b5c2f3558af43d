"""Triton with onnxruntime in its Python backend, from PyPI's wheel, several settings of it in one server."""

import os
import shutil
import socket
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np

from bench import peers
from bench.serving.folded import Floats, Folded
from bench.serving.model import NUMBERS
from bench.serving.sides.server import Server, ask
from bench.side import ROOT

FORMS = ("1x1", "1x2", "2x1", "2x2")
"""Instances x threads of onnxruntime in each."""
_READY = "/inference.GRPCInferenceService/ServerReady"
_CONFIG = """name: "{name}"
backend: "python"
max_batch_size: {most}
input [ {{ name: "ids" data_type: TYPE_INT64 dims: [ {ids} ] }} ]
input [ {{ name: "numbers" data_type: TYPE_FP32 dims: [ {numbers} ] }} ]
output [ {{ name: "ctr" data_type: TYPE_FP32 dims: [ 1 ] }}, {{ name: "cvr" data_type: TYPE_FP32 dims: [ 1 ] }} ]
dynamic_batching {{ }}
instance_group [ {{ count: {instances} kind: KIND_CPU }} ]
parameters {{ key: "threads" value {{ string_value: "{threads}" }} }}
parameters {{ key: "model" value {{ string_value: "{model}" }} }}
"""
_MOST_ROWS = 512


@dataclass(frozen=True, slots=True)
class Repository:
    """Where Triton's files lie, and what is in them."""

    folder: Path
    table: Floats
    folded: Folded


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def model_name(form: str) -> str:
    """What a setting is called in the server."""
    return f"served_{form}"


class Triton(Server):
    """It runs when made; ``port`` is where."""

    def __init__(self, repository: Repository, port: int, log: Path) -> None:
        python = peers.python_of("triton")
        packages = next((python.parent.parent / "lib").iterdir()) / "site-packages"
        server = packages / "pytriton" / "tritonserver"
        backends = _write(repository, python, server)
        environment = os.environ | {
            # The backend's stub is Python itself, and looks for the wheel's own libraries where it no longer lies.
            "LD_LIBRARY_PATH": f"{sysconfig.get_config_var('LIBDIR')}:{packages / 'nvidia_pytriton.libs'}",
            "PYTHONPATH": str(packages),
            "CUDA_VISIBLE_DEVICES": "",
        }
        command = [
            str(server / "bin" / "tritonserver"),
            f"--model-repository={repository.folder / 'models'}",
            f"--backend-directory={backends}",
            "--grpc-address=127.0.0.1",
            f"--grpc-port={port}",
            "--allow-http=false",
            "--allow-metrics=false",
        ]
        super().__init__("triton", command, environment, log)
        self.port = port
        try:
            self.until(self._ready)
        except BaseException:
            self.close()
            raise

    def _ready(self) -> bool:
        try:
            return ask(self.port, _READY, b"", 1.0) == b"\x08\x01"
        except grpc.RpcError:
            return False


def _write(repository: Repository, python: Path, server: Path) -> Path:
    """Lay down the backend with the stub of this Python, and the models; return the backends' folder."""
    folder = repository.folder
    backend = folder / "backends" / "python"
    shutil.copytree(server / "backends" / "python", backend)
    shutil.copy2(server / "python_backend_stubs" / "3.11" / "triton_python_backend_stub", backend)
    arrays = {"table": repository.table}
    for i, (kernel, bias) in enumerate(zip(repository.folded.kernels, repository.folded.biases, strict=True)):
        arrays |= {f"kernel_{i}": kernel, f"bias_{i}": bias}
    np.savez(folder / "model.npz", **arrays)  # type: ignore[arg-type] # the stubs know no keywords here
    model = folder / "model.onnx"
    write = [str(python), "-m", "bench.serving.sides.onnx_model", str(folder / "model.npz"), str(model)]
    subprocess.run(write, check=True, cwd=ROOT)  # noqa: S603 - our own arguments
    width = repository.folded.widths[0]
    dim = repository.table.shape[1]
    for form in FORMS:
        instances, threads = form.split("x")
        home = folder / "models" / model_name(form)
        (home / "1").mkdir(parents=True)
        shutil.copy2(Path(__file__).with_name("triton_model.py"), home / "1" / "model.py")
        (home / "config.pbtxt").write_text(
            _CONFIG.format(
                name=model_name(form),
                most=_MOST_ROWS,
                ids=(width - NUMBERS) // dim,
                numbers=NUMBERS,
                instances=instances,
                threads=threads,
                model=model,
            )
        )
    return folder / "backends"
