"""The child that answers requests: ``tandem-engine``, started, told what to do and watched.

Commands are JSON lines over socket pairs (``serving_image/engine/README.md``, Control). There are three, since each is
answered in order: one for loading bases, which takes long, one for updates and the end, and one for questions. When
this program dies, the kernel closes its ends, and the engine ends too; when the engine dies, ``on_end`` is called.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog
from tandem_wire.codec import time_text
from tandem_wire.report import GraphReport, GraphState
from tandem_wire.version import Version

from tandem_serving.errors import EngineGone
from tandem_serving.lane import Lane

_PROGRAM = "tandem-engine"
_VARIABLE = "TANDEM_ENGINE"
"""Where the program is, if not on PATH."""
_ANSWER_SECONDS = 60.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How the engine is started.

    Args:
      model: what clients call the model.
      port: of gRPC, on all addresses; 0 takes a free one.
      batch_sizes: batches to warm; empty: the engine's own.
      request_rows: rows of one request.
      message_bytes: bytes of one message.
      descriptors: a FileDescriptorSet for reflection; empty: none.
      grace_seconds: how long it may take to end when told to.
      graph: where captured graphs run: off, gpu, or any, which is the CPU too, for tests.
      environment: variables beside this program's own.
    """

    model: str
    port: int
    batch_sizes: tuple[int, ...] = ()
    request_rows: int = 8192
    message_bytes: int = 16 * 1024 * 1024
    descriptors: bytes = b""
    grace_seconds: float = 10.0
    graph: str = "off"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """What computes batches of one size, and what it took there and elsewhere when the base was warmed."""

    rows: int
    engine: str
    microseconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stats:
    """What the engine counted.

    Args:
      versions: what can be asked for, the newest first.
      labels: the versions that they stand for.
      text: Prometheus' form.
      graph: what became of captured graphs.
    """

    answers: int = 0
    errors: int = 0
    in_flight: int = 0
    versions: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    graph: GraphReport = field(default_factory=lambda: GraphReport(GraphState.OFF))


class Engine:
    """One engine process. Methods may be called from any thread.

    Raises:
      EngineGone: from every method, when it ended or does not answer.
    """

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="tandem-engine-"))
        self._loads, self._updates, self._questions = lanes = [Lane() for _ in range(3)]
        self._ending = False
        self.on_end: Callable[[], None] = _nothing
        """Called from a thread of its own when the engine ended without being told to."""
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a program of this project
                command(options, self._folder, [lane.theirs.fileno() for lane in lanes]),
                pass_fds=[lane.theirs.fileno() for lane in lanes],
                env={**os.environ, **options.environment},
            )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            for lane in lanes:
                lane.close()
                lane.theirs.close()
            raise EngineGone(f"{_PROGRAM} can't be started: {error}; set {_VARIABLE} to where it is") from error
        for lane in lanes:
            lane.theirs.close()
        self._watch = threading.Thread(target=self._wait, name="engine-watch", daemon=True)
        self._watch.start()

    @property
    def address(self) -> str:
        """Where this program's own clients reach it: a socket in a private folder."""
        return _local(self._folder)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def port(self) -> int:
        """The port of gRPC; answers once it is open."""
        answer = self._questions.ask("ports", _ANSWER_SECONDS)
        return int(answer["ports"][_listen(self._options)])

    def load(self, base: int, folder: Path, watermark: datetime | None) -> tuple[Choice, ...]:
        """Load a base, and run every batch size on it.

        Args:
          base: its number.
          folder: the serving objects of the base, and its program.
          watermark: event time up to which it has learned.

        Returns:
          What computes which batch size.

        Raises:
          BadExport: it does not run, does not fit model.json or does not give finite answers.
          NoRoom: it needs more memory than there is.
        """
        answer = self._loads.ask("load", None, base=base, folder=str(folder), watermark=_text(watermark))
        return _choices(answer.get("report"))

    def apply(self, version: Version, file: Path, watermark: datetime | None, *, keyframe: bool) -> None:
        """Make the version that follows the newest one of its base; nobody sees it yet.

        Raises:
          BadUpdate: it does not fit the model, or gives no finite answers; the version before stays the newest.
          NoRoom: it needs more memory than there is; likewise.
        """
        self._updates.ask(
            "apply",
            None,
            base=version.base,
            update=version.update,
            keyframe=keyframe,
            file=str(file),
            watermark=_text(watermark),
        )

    def publish(self, version: Version) -> None:
        """Answer from this version, the newest of its base, from now on."""
        self._updates.ask("publish", _ANSWER_SECONDS, base=version.base, update=version.update)

    def offer(self, version: Version) -> None:
        """Let this version be asked for, the newest of a base that is not answered from."""
        self._updates.ask("publish", _ANSWER_SECONDS, base=version.base, update=version.update, beside=True)

    def drop(self, base: int) -> None:
        """Let go of a base that is not answered from."""
        self._updates.ask("drop", _ANSWER_SECONDS, base=base)

    def set_ready(self, *, ready: bool) -> None:
        """Say in gRPC's health service whether requests can be answered."""
        self._questions.ask("ready", _ANSWER_SECONDS, value=ready)

    def set_loading(self, base: int | None) -> None:
        """Say in GetModelStatus which base is being loaded."""
        self._questions.ask("loading", _ANSWER_SECONDS, base=base)

    def set_labels(self, bases: Mapping[str, int]) -> None:
        """Say which base goes by which label, all of them."""
        self._questions.ask("labels", _ANSWER_SECONDS, labels=dict(bases))

    def stats(self) -> Stats:
        """What was counted."""
        answer = self._questions.ask("stats", _ANSWER_SECONDS)
        return Stats(
            int(answer["answers"]),
            int(answer["errors"]),
            int(answer["in_flight"]),
            tuple(answer["versions"]),
            dict(answer["labels"]),
            str(answer["text"]),
            GraphReport(GraphState(str(answer["graph"]["state"]).capitalize()), str(answer["graph"]["why"])),
        )

    def drain(self, grace_seconds: float) -> None:
        """Take no more requests, answer those that run, at most so long, and end the process."""
        self._ending = True
        self._updates.ask("drain", grace_seconds + _ANSWER_SECONDS, grace_seconds=grace_seconds)
        # It ends by itself; hanging up first would be taken for this program's death.
        self._end()
        self.close()

    def close(self) -> None:
        """End the process, whatever it does, and let go of its folder; calling it again does nothing."""
        self._ending = True
        for lane in (self._loads, self._updates, self._questions):
            lane.close()
        self._end()
        self._watch.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        try:
            self._process.wait(self._options.grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        code = self._process.wait()
        if not self._ending:
            _log.error("the engine ended without being told to", code=code)
            self.on_end()


def command(options: EngineOptions, folder: Path, descriptors: Sequence[int]) -> list[str]:
    """The engine's command line; what it reads at its start is written into ``folder``."""
    words = [os.environ.get(_VARIABLE) or shutil.which(_PROGRAM) or _PROGRAM]
    words += [f"--control-fd={number}" for number in descriptors]
    words += [f"--model={options.model}", f"--listen={_listen(options)}", f"--listen={_local(folder)}"]
    words += [f"--request-rows={options.request_rows}", f"--message-bytes={options.message_bytes}"]
    if options.batch_sizes:
        words.append(f"--batch-sizes={','.join(map(str, sorted(set(options.batch_sizes))))}")
    if options.descriptors:
        file = folder / "descriptors.pb"
        file.write_bytes(options.descriptors)
        words.append(f"--descriptors={file}")
    if options.graph != "off":
        words.append(f"--graph={options.graph}")
    return [*words, f"--tensorflow={tensorflow_library()}"]


def tensorflow_library() -> Path:
    """Where the installed TensorFlow keeps its C API; TensorFlow itself is not imported.

    Raises:
      EngineGone: there is none.
    """
    found = importlib.util.find_spec("tensorflow")
    for folder in (found and found.submodule_search_locations) or ():
        library = Path(folder) / "libtensorflow_cc.so.2"
        if library.exists():
            return library
    raise EngineGone("libtensorflow_cc.so.2 is not there; install tensorflow-cpu of requirements/serving.txt")


def _listen(options: EngineOptions) -> str:
    host = "[::]" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 - a server in a pod
    return f"{host}:{options.port}"


def _local(folder: Path) -> str:
    return f"unix:{folder}/grpc.sock"


def _text(watermark: datetime | None) -> str | None:
    return None if watermark is None else time_text(watermark)


def _choices(report: object) -> tuple[Choice, ...]:
    sizes = report.get("sizes", []) if isinstance(report, dict) else []
    return tuple(Choice(int(each["rows"]), str(each["engine"]), dict(each["microseconds"])) for each in sizes)


def _nothing() -> None:
    """What happens at the engine's end, unless somebody cares."""
