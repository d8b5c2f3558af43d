"""Runs a captured graph as the engine does: weights put into the session once per version, one input, one output."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tandem_serving.fold.program import Program
from tandem_serving.graph.capture import Capture
from tandem_serving.graph.plan import GRAPH, PLAN, Plan

Floats = npt.NDArray[np.float32]


class Captured:
    """One session of a captured graph."""

    def __init__(self, capture: Capture) -> None:
        self.plan = Plan.from_json(capture.files[PLAN])
        self._graph = tf.Graph()
        with self._graph.as_default():
            tf.import_graph_def(tf.compat.v1.GraphDef.FromString(capture.files[GRAPH]), name="")
        config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        self._session = tf.compat.v1.Session(graph=self._graph, config=config)

    def keep(self, slots: Sequence[Floats]) -> list[str]:
        """Put a version's slots there; return their handles."""
        fed = {held.value: slot for held, slot in zip(self.plan.slots, slots, strict=True)}
        return [each.get_raw_handle() for each in self._session.run([held.keep for held in self.plan.slots], fed)]

    def run(self, handles: Sequence[str], features: Sequence[Floats]) -> list[Floats]:
        """Answer a batch."""
        fed = {held.held: handle for held, handle in zip(self.plan.slots, handles, strict=True)}
        answers = self._session.run(self.plan.answers, fed | {self.plan.features: np.concatenate(features, 1)})
        return list(answers)

    def forget(self, handles: Sequence[str]) -> None:
        """Let a version go."""
        for handle in handles:
            self._session.run(self.plan.forget.operation, {self.plan.forget.held: handle})

    def close(self) -> None:
        """End the session."""
        self._session.close()


def slots_of(program: Program, weights: Sequence[Floats]) -> list[Floats]:
    """What the fold graph makes of weights, and weights as they are."""
    made = []
    if program.fold is not None:
        fed = {source.tensor: weights[source.weight] for source in program.fold.inputs}
        made = _run(program.graphs[program.fold.graph], program.fold.outputs, fed)
    return [weights[slot.weight] if slot.weight is not None else made[slot.fold or 0] for slot in program.slots]


def rest(program: Program, slots: Sequence[Floats], features: Sequence[Floats]) -> list[Floats]:
    """The same batch without XLA."""
    fed = dict(zip(program.rest.features, features, strict=True)) | dict(zip(program.rest.slots, slots, strict=True))
    return [answer.reshape(-1) for answer in _run(program.graphs[program.rest.graph], program.rest.outputs, fed)]


def _run(data, outputs, fed):
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(data), name="")
        with tf.compat.v1.Session(graph=graph) as session:
            return session.run(list(outputs), fed)
