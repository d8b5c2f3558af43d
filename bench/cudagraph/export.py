"""Writes what the runner needs into a folder: one StableHLO module for each batch size, weights, and right answers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import tensorflow as tf
from tandem_serving.fold import fold
from tandem_serving.fold.program import Program
from tandem_serving.graph.buckets import Buckets
from tandem_serving.graph.stablehlo import stablehlo
from tandem_serving.graph.xla_flags import WITHOUT, GraphSettings

from bench.serving.model import Floats, served_model

BUCKETS: Final = Buckets((1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024))
MODES: Final = {
    "off": WITHOUT.text(),
    "on": GraphSettings(min_size=5).text(),
    "whole": GraphSettings().text(),
}
"""No command buffers; only those of five commands and more; everything that can be in one."""
VERSIONS: Final = 2


def write(folder: Path, buckets: Buckets = BUCKETS) -> None:
    """Write the model of the serving bench, folded, with two versions of its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    model = served_model(1)
    program = fold(model.spec, model.graph)
    arrays: dict[str, Floats] = {}
    width = sum(feature.width for feature in program.features)
    random = np.random.default_rng(7)
    slots = [
        slots_of(program, [weight * np.float32(1 + v / 100) for weight in model.weights.values()])
        for v in range(VERSIONS)
    ]
    for version, made in enumerate(slots):
        arrays |= {f"slot_{version}_{i}": slot for i, slot in enumerate(made)}
    for rows in buckets.sizes:
        folder.joinpath(f"rows_{rows}.mlir").write_text(stablehlo(program, rows))
        features = random.normal(size=(rows, width)).astype(np.float32)
        arrays[f"features_{rows}"] = features
        arrays |= {f"answers_{v}_{rows}": answers(program, made, features) for v, made in enumerate(slots)}
    np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type] # no array is called allow_pickle
    told = {"rows": buckets.sizes, "slots": len(program.slots), "versions": VERSIONS, "modes": MODES}
    folder.joinpath("run.json").write_text(json.dumps(told, indent=1) + "\n")


def slots_of(program: Program, weights: list[Floats]) -> list[Floats]:
    """Fold one version's weights."""
    made: list[Floats] = []
    if program.fold is not None:
        given = {source.tensor: weights[source.weight] for source in program.fold.inputs}
        made = _run(program.graphs[program.fold.graph], given, program.fold.outputs)
    return [weights[slot.weight] if slot.weight is not None else made[slot.fold or 0] for slot in program.slots]


def answers(program: Program, slots: list[Floats], features: Floats) -> Floats:
    """The right answers, (outputs, rows), by TensorFlow on the CPU."""
    edges = np.cumsum([feature.width for feature in program.features])[:-1]
    given = dict(zip(program.rest.features, np.split(features, edges, axis=1), strict=True))
    given |= dict(zip(program.rest.slots, slots, strict=True))
    outputs = _run(program.graphs[program.rest.graph], given, program.rest.outputs)
    return np.stack([output.reshape(-1) for output in outputs])


def _run(data: bytes, given: Mapping[str, Floats], outputs: Sequence[str]) -> list[Floats]:
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(data), name="")
        with tf.compat.v1.Session(graph=graph) as session:
            answers: list[Floats] = session.run(list(outputs), dict(given))
    return answers
