"""A tandem-engine of one test, told what to do as the control plane tells it."""

import json
import socket
import subprocess
from pathlib import Path
from typing import Any, Self

import tensorflow as tf
from tandem_serving.descriptors import descriptors as descriptor_set
from tandem_serving.fold.building import fold
from tandem_wire.bases import GRAPH, MODEL
from tandem_wire.model import ModelSpec
from tandem_wire.records import Kind, Part, Record
from tandem_wire.store import Store


class Engine:
    """The process and its control socket.

    Args:
      program: the compiled engine.
      folder: where bases and updates are laid down for it.
      store: where they come from.
      flags: more of its command line.
    """

    def __init__(self, program: Path, folder: Path, store: Store, *flags: str) -> None:
        self._folder = folder
        self._store = store
        self.path = f"unix:{folder}/grpc.sock"
        ours, theirs = socket.socketpair()
        self._control = ours
        self._lines = ours.makefile("r", encoding="utf-8")
        descriptors = folder / "descriptors.pb"
        descriptors.write_bytes(descriptor_set())
        command = [
            str(program),
            f"--control-fd={theirs.fileno()}",
            "--model=search",
            "--listen=127.0.0.1:0",
            f"--listen={self.path}",
        ]
        command.append(f"--tensorflow={Path(tf.__file__).parent / 'libtensorflow_cc.so.2'}")
        with theirs:
            self.process = subprocess.Popen(
                [*command, f"--descriptors={descriptors}", *flags],
                pass_fds=[theirs.fileno()],
                stdout=subprocess.DEVNULL,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._control.close()
        self.process.wait(30)

    def tell(self, do: str, **fields: object) -> dict[str, Any]:
        """Give one command and return the answer."""
        self._control.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._lines.readline())
        return answer

    @property
    def port(self) -> int:
        """The port that it found."""
        return int(self.tell("ports")["ports"]["127.0.0.1:0"])

    def load(self, record: Record) -> dict[str, Any]:
        """Lay a base down, with its program, and load it."""
        folder = self._folder / f"base-{record.number}"
        folder.mkdir()
        files = {each.name: self._store.get(each.key).data for each in record.objects if each.part is Part.SERVING}
        for name, data in (files | fold(ModelSpec.from_json(files[MODEL].decode()), files[GRAPH]).files()).items():
            (folder / name).write_bytes(data)
        return self.tell("load", base=record.number, folder=str(folder), watermark=None)

    def apply(self, base: int, record: Record) -> dict[str, Any]:
        """Lay an update down and apply it."""
        (part,) = (each for each in record.objects if each.part is Part.SERVING)
        file = self._folder / f"update-{base}-{record.slot}.safetensors"
        file.write_bytes(self._store.get(part.key).data)
        keyframe = record.kind is Kind.KEYFRAME
        return self.tell("apply", base=base, update=record.slot, keyframe=keyframe, file=str(file), watermark=None)
