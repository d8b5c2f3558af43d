"""The servers of a measurement, over one model, one table and the same questions."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tandem_wire.config import StoreConfig
from tandem_wire.model import InputSpec
from tandem_wire.store import open_store

from bench.serving import messages
from bench.serving.container import Container
from bench.serving.folded import Folded, fold, questions
from bench.serving.lineage import Lineage
from bench.serving.load import Way
from bench.serving.messages import MODEL_INFER, PREDICT
from bench.serving.model import INPUTS, ServedModel, rows, served_model
from bench.serving.sides import empty, triton
from bench.serving.sides.empty import Empty
from bench.serving.sides.server import ask
from bench.serving.sides.tandem import Pod, Tandem
from bench.serving.sides.triton import Repository, Triton, free_port, model_name
from bench.side import ROOT, SideFailed

Floats = npt.NDArray[np.float32]
Keys = npt.NDArray[np.int64]

LOGS = ROOT / "build" / "bench" / "logs"
TOLERANCE = 1e-5
_BODIES = 64
_BASE = 1


@dataclass(frozen=True, slots=True)
class World:
    """A model in a store, and what it is asked.

    Attributes:
      folder: where everything of the measurement lies; gone afterwards.
      lineage: writes its store.
      model: of base 1.
      values: the rows of base 1.
    """

    folder: Path
    lineage: Lineage
    model: ServedModel
    values: Floats

    @property
    def folded(self) -> Folded:
        """The model of base 1 without batch norm."""
        return fold(self.model.weights)

    def pod(self, name: str, poll_seconds: float = 0.1, inside: Container | None = None) -> Tandem:
        """Start a pod over the store; ``TANDEM_BENCH_FLAGS`` are more flags of the engine, to compare them."""
        flags = os.environ.get("TANDEM_BENCH_FLAGS", "").split()
        return Tandem(Pod(self.folder / "store", self.folder / name, flags, poll_seconds, inside))

    def bodies(self, name: str, rows: int, write: Callable[[Keys, Floats], bytes] = messages.predict) -> Path:
        """Write what is asked, requests of so many rows: always the same, so that all sides are asked the same."""
        bodies = [write(*questions(seed, rows, len(self.values))) for seed in range(_BODIES)]
        return messages.write_bodies(self.folder / f"{name}-{rows}", bodies)


@contextmanager
def world(table_rows: int, inputs: Sequence[InputSpec] = INPUTS) -> Iterator[World]:
    """Make the model durable as base 1, which pods shall answer from."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as name:
        folder = Path(name)
        lineage = Lineage(open_store(StoreConfig(f"file://{folder / 'store'}")))
        model = served_model(_BASE, inputs)
        values = rows(_BASE, np.arange(table_rows, dtype=np.int64))
        lineage.base(_BASE, model, values)
        lineage.serve(_BASE)
        yield World(folder, lineage, model, values)


class Sides:
    """All servers at once; those that are not asked sleep."""

    def __init__(self, made: World, sizes: Sequence[int]) -> None:
        self._stack = ExitStack()
        try:
            self.ways = dict(self._start(made, sizes))
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        """End them."""
        self._stack.close()

    def _start(self, made: World, sizes: Sequence[int]) -> Iterator[tuple[tuple[str, int], Way]]:
        folded = made.folded
        pod = self._stack.enter_context(made.pod("pod"))
        server = self._stack.enter_context(
            Triton(Repository(made.folder / "triton", made.values, folded), free_port(), LOGS / "triton.log")
        )
        for size in sizes:
            ids, numbers = questions(0, size, len(made.values))
            expected = folded.answers(made.values, [ids, numbers])
            answer = ask(pod.port, PREDICT, messages.predict(ids, numbers))
            check("ours", messages.predicted(answer)[1], expected)
            yield ("ours", size), Way(pod.port, PREDICT, made.bodies("predict", size))
            for form in triton.FORMS:
                model = model_name(form)
                bodies = made.bodies(model, size, lambda i, n, model=model: messages.infer(model, i, n))  # type: ignore[misc]
                inferred = messages.inferred(ask(server.port, MODEL_INFER, messages.infer(model, ids, numbers)))
                check(f"triton {form}", inferred, expected)
                yield (f"triton {form}", size), Way(server.port, MODEL_INFER, bodies)
        ids, numbers = questions(0, 1, len(made.values))
        (made.folder / "answer").write_bytes(ask(pod.port, PREDICT, messages.predict(ids, numbers)))
        for form in empty.FORMS:
            nothing = self._stack.enter_context(
                Empty(form, made.folder / "answer", f"{_BASE}.0", LOGS / f"empty-{form}.log")
            )
            yield (f"empty {form}", 1), Way(nothing.port, PREDICT, made.folder / "predict-1")


def check(name: str, answers: Floats, expected: Floats) -> None:
    """Stop unless a side answers as the model does.

    Raises:
      SideFailed: it does not.
    """
    off = float(np.abs(answers - expected).max())
    if not off <= TOLERANCE:
        raise SideFailed(f"{name} answers otherwise than the model, by {off:.1e}; it may be {TOLERANCE:.0e}")
