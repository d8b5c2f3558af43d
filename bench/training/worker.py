"""Trains the demonstration's model on samples of its own, with our tables and with none."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tandem_ops
import tensorflow as tf
from tandem_training.examples import Samples
from tandem_training.models.ctr_cvr import build
from tandem_training.optimizers import read_optimizers
from tandem_training.state import ModelState
from tandem_training.step import Steps

CONFIG: Mapping[str, object] = {"embeddingDim": 8, "hidden": [48, 24]}
RUN_SECONDS = 0.5
BATCHES = 40
WARM = 2


class NoTable:
    """Stands in for a table and does nothing: rows are zeros of the right shape.

    Args:
      table: whose place it takes.
    """

    def __init__(self, table: tandem_ops.HashVariable) -> None:
        self.dim = table.dim

    def lookup(self, ids: tf.Tensor, *, event_time: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:  # noqa: ARG002 - a table's
        """Return zeros."""
        return tf.zeros([tf.size(ids), self.dim]), tf.zeros([tf.size(ids)], tf.int64)

    def apply(self, handles: tf.Tensor, grads: tf.Tensor) -> None:
        """Learn nothing, but have the gradient computed."""
        with tf.control_dependencies([handles, grads]):
            tf.no_op()


class Worker:
    """Answers requests.

    Args:
      threads: of TensorFlow within an op.
    """

    def __init__(self, threads: int) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def answer(self, do: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Do one thing.

        Raises:
          ValueError: nobody can do that.
        """
        if do == "prepare":
            return self._prepare(**arguments)
        if do == "run":
            return self._run(**arguments)
        raise ValueError(f"no such request: {do}")

    def _prepare(self, batch: int, users: int) -> dict[str, Any]:
        model = build(CONFIG, ["ctr", "cvr"])
        optimizers = read_optimizers("Adam", {}, 0.01)
        self._steps = {}
        for what in ("ours", "none"):
            state = ModelState(model, optimizers, tandem_ops.Every(), seed=1)
            if what == "none":
                state.tables = {name: NoTable(table) for name, table in state.tables.items()}  # type: ignore[misc] # same calls
            self._steps[what] = Steps(model, state, optimizers.dense, ())
        random = np.random.default_rng(1)
        self._samples = [_samples(random, batch, users) for _ in range(BATCHES)]
        self._passes = 1
        seconds = [self._run("ours")["value"] for _ in range(WARM)][-1]
        self._run("none")
        self._passes = max(1, round(RUN_SECONDS / (seconds * BATCHES)))
        return {}

    def _run(self, what: str) -> dict[str, Any]:
        """Train; seconds per step."""
        steps = self._steps[what]
        begin = time.perf_counter()
        for _ in range(self._passes):
            for samples in self._samples:
                steps.train("ctr", samples)
        return {"value": (time.perf_counter() - begin) / (self._passes * BATCHES)}


def _samples(random: np.random.Generator, batch: int, users: int) -> Samples:
    """Draw samples with the features that the model expects, popularity by Zipf's law."""

    def ids(count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        drawn: np.ndarray[Any, np.dtype[np.int64]] = np.exp(random.random((batch, 1)) * np.log(count)).astype(np.int64)
        return drawn

    words = np.char.mod("query %d", ids(max(users // 10, 2))).astype(object)
    inputs = {
        "user_id": ids(users),
        "item_id": ids(max(users // 10, 2)),
        "query": words,
        "brand": ids(500),
        "user_segment": ids(20),
        "numeric": random.standard_normal((batch, 4)).astype(np.float32),
    }
    labels = (random.random(batch) < 0.2).astype(np.float32)  # noqa: PLR2004 - a click rate
    times = np.full(batch, 1_790_000_000_000, np.int64)
    return Samples(inputs, labels, times)
