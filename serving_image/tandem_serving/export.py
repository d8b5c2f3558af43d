"""The dense graph of a base, checked and made into the program that the engine runs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from safetensors import SafetensorError, safe_open
from tandem_wire.bases import WEIGHTS, rows_object
from tandem_wire.config import CallGraphConfig
from tandem_wire.model import InputSpec, ModelSpec, Pooling
from tensorflow.python.framework import op_def_registry

from tandem_serving.errors import BadExport
from tandem_serving.fold import Program, folded
from tandem_serving.fold.building import cached
from tandem_serving.fold.program import Intervals

_FILES = frozenset(
    {"ReadFile", "WholeFileReaderV2", "MatchingFiles", "TFRecordReaderV2", "PyFunc", "PyFuncStateless", "EagerPyFunc"}
)
_SAMPLE_ROWS = 64
Floats = npt.NDArray[np.float32]


def program_of(spec: ModelSpec, folder: Path, call_graph: CallGraphConfig | None = None) -> Program:
    """Make the program of a base.

    Args:
      spec: its model.json.
      folder: its serving objects. Of tables only the rows of a sample are read.
      call_graph: when to take what hangs on weights only anew; None: with each version, folded.

    Raises:
      BadExport: the graph is none, keeps state, or does not run as model.json describes it.
    """
    graph = (folder / spec.dense.graph).read_bytes()
    check_graph(graph)
    if call_graph is not None:
        return cached(spec, graph, Intervals(call_graph.count_interval, call_graph.time_interval_seconds))
    try:
        weights = _tensors(folder / WEIGHTS)
        given = [weights[f"weights/{each.name}"] for each in spec.weights]
        features = sample_features(spec, folder)
    except (KeyError, SafetensorError) as error:
        raise BadExport(f"weights and rows are not as model.json describes them: {error}") from error
    try:
        return folded(spec, graph, given, features)
    except BadExport as error:
        raise BadExport(f"dense.graph.pb can't be loaded as model.json describes it: {error}") from error


def check_graph(graph: bytes) -> None:
    """Refuse a graph with state, with files, or with operations that stock TensorFlow lacks.

    Raises:
      BadExport: naming the operation.
    """
    parsed = tf.compat.v1.GraphDef()
    try:
        parsed.ParseFromString(graph)
    except Exception as error:  # protobuf's DecodeError differs by its implementation
        raise BadExport(f"dense.graph.pb is no GraphDef: {error}") from error
    nodes = [*parsed.node, *(node for function in parsed.library.function for node in function.node_def)]
    own = {function.signature.name for function in parsed.library.function}
    for node in nodes:
        definition = op_def_registry.get(node.op)
        if definition is None and node.op not in own:
            raise BadExport(
                f"dense.graph.pb uses operation {node.op} ({node.name}), which stock TensorFlow does not have; "
                "export native operations only"
            )
        if node.op in _FILES or (definition is not None and definition.is_stateful):
            raise BadExport(
                f"dense.graph.pb uses operation {node.op} ({node.name}), which keeps state or touches files; "
                "a serving graph may not"
            )


def sample_features(spec: ModelSpec, folder: Path, rows: int = _SAMPLE_ROWS) -> list[Floats]:
    """Make features such as requests will bring: rows of the base's own tables, and numbers of about one.

    Returns:
      float32 of shape (rows, width) for each of ``spec.dense.features``.
    """
    inputs: Mapping[str, InputSpec] = {each.name: each for each in spec.inputs}
    random = np.random.default_rng(0)
    return [_sample(spec, inputs[name], folder, rows, random) for name in spec.dense.features]


def _sample(spec: ModelSpec, each: InputSpec, folder: Path, rows: int, random: np.random.Generator) -> Floats:
    if each.table is None:
        return random.normal(size=(rows, each.length)).astype(np.float32)
    side_by_side = each.length if each.pooling is Pooling.NONE else 1
    wanted = rows * side_by_side
    with safe_open(folder / rows_object(each.table), framework="numpy") as file:
        values = file.get_slice(f"rows/{each.table}/values")
        found: Floats = values[: min(wanted, values.get_shape()[0])]
    if not found.size:
        return np.zeros((rows, spec.width(each)), np.float32)
    return np.resize(found, (wanted, spec.table(each.table).dim)).reshape(rows, -1)


def _tensors(file: Path) -> dict[str, Floats]:
    with safe_open(file, framework="numpy") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
