"""Runs a program beside the export that it was made from, and takes the export as it came where they differ.

Folding is exact but for rounding. Rounding is small as long as features are of the order of their batch norm's spread:
a feature of 10⁶ ± 1 that an export centres first loses its last digits when the centring moves behind the product.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tandem_wire.model import ModelSpec
from tensorflow.core.framework import graph_pb2

from tandem_serving.errors import BadExport
from tandem_serving.fold.building import fold, unfolded
from tandem_serving.fold.program import Program

Floats = npt.NDArray[np.float32]

TOLERANCE: Final = 1e-5


def folded(spec: ModelSpec, data: bytes, weights: Sequence[Floats], features: Sequence[Floats]) -> Program:
    """Fold a graph, and keep the result where it answers a batch as the graph does.

    Args:
      spec: model.json.
      data: the bytes of the graph that it names.
      weights: float32, in the order of ``spec.weights``.
      features: float32 (batch, width), in the order of ``spec.dense.features``; rows such as requests will bring.

    Returns:
      The folded program, or the graph as it came with ``no_chain_because`` saying how far off it was.

    Raises:
      BadExport: the graph does not fit model.json or does not run.
    """
    program = fold(spec, data)
    worst = difference(program, spec, data, weights, features)
    if worst <= TOLERANCE:
        return program
    return unfolded(spec, data, f"folded, it answers {worst:.1e} away from the export; {TOLERANCE:.0e} is allowed")


def difference(
    program: Program, spec: ModelSpec, data: bytes, weights: Sequence[Floats], features: Sequence[Floats]
) -> float:
    """Return the greatest difference between a program's answers and its export's; both NaN at one place is none."""
    given = dict(zip(spec.dense.feature_inputs, features, strict=True))
    given |= dict(zip(spec.dense.weight_inputs, weights, strict=True))
    expected = _run(data, given, spec.dense.outputs)
    made: list[Floats] = []
    if program.fold is not None:
        inputs = {source.tensor: weights[source.weight] for source in program.fold.inputs}
        made = _run(program.graphs[program.fold.graph], inputs, program.fold.outputs)
    slots = [weights[slot.weight] if slot.weight is not None else made[slot.fold or 0] for slot in program.slots]
    given = dict(zip(program.rest.features, features, strict=True))
    given |= dict(zip(program.rest.slots, slots, strict=True))
    answers = _run(program.graphs[program.rest.graph], given, program.rest.outputs)
    return max(_apart(a, b) for a, b in zip(answers, expected, strict=True))


def _apart(a: Floats, b: Floats) -> float:
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        distance = np.where(same, 0.0, np.abs(a - b))
    return float(np.nan_to_num(distance, nan=np.inf, posinf=np.inf).max(initial=0.0))


def _run(data: bytes, given: Mapping[str, Floats], outputs: Sequence[str]) -> list[Floats]:
    try:
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(graph_pb2.GraphDef.FromString(data), name="")
            config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
            with tf.compat.v1.Session(graph=graph, config=config) as session:
                answers: list[Floats] = session.run(list(outputs), dict(given))
    except (tf.errors.OpError, ValueError, KeyError, TypeError) as error:
        raise BadExport(f"the dense graph does not run as model.json describes it: {error}") from error
    return answers
