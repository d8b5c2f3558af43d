"""The dense part of a base: a graph of TensorFlow's own operations, run with the weights of a version as arguments.

One session belongs to one base and is shared by all its versions, since weights are fed, not kept: making a version
costs nothing here, and an answer can't mix versions. Batches are padded to a few sizes, each of which has run before
the base takes traffic.

Measured on two cores, MLP 512-256-128 with batch norm, one row: weights fed 140 µs, and 95 µs where they are aligned
for TensorFlow, which then reads them where they lie; folded into a session per version also 95 µs, but 57 ms to make
one, most of it holding the interpreter's lock, so that requests wait.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf
from tandem_wire.model import ModelSpec
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.framework import op_def_registry

from tandem_serving.errors import BadExport
from tandem_serving.gather import Floats

_FILES = frozenset(
    {"ReadFile", "WholeFileReaderV2", "MatchingFiles", "TFRecordReaderV2", "PyFunc", "PyFuncStateless", "EagerPyFunc"}
)
_ALIGNMENT = 64
DEFAULT_SIZES = (1, 8, 32, 128, 512)


class Dense:
    """The dense function of one base; callable from any thread.

    Args:
      spec: names the graph's inputs and outputs and their order.
      graph: the bytes of ``dense.graph.pb``.
      sizes: batch sizes to pad to; the greatest also bounds what runs at once. Empty: a default set.

    Raises:
      BadExport: the bytes are no graph, name an operation that does not belong there, or lack an input or output.
    """

    __slots__ = ("_call", "_outputs", "sizes")

    def __init__(self, spec: ModelSpec, graph: bytes, sizes: Sequence[int] = ()) -> None:
        self.sizes = tuple(sorted(set(sizes))) or DEFAULT_SIZES
        self._outputs = len(spec.outputs)
        self._call = _session_call(_parse(graph), spec)

    def run(self, features: Sequence[Floats], weights: Sequence[Floats]) -> list[Floats]:
        """Compute the outputs.

        Args:
          features: float32 of shape (batch, width), in the order of ``spec.dense.features``.
          weights: in the order of ``spec.weights``.

        Returns:
          float32 of shape (batch,) per output.

        Raises:
          BadExport: the graph fails, or gives another shape or type.
        """
        batch = features[0].shape[0]
        parts = [self._run_padded([f[a:b] for f in features], weights, b - a) for a, b in self.split(batch)]
        if len(parts) == 1:
            return parts[0]
        return [np.concatenate([part[i] for part in parts] or [np.zeros(0, np.float32)]) for i in range(self._outputs)]

    def split(self, batch: int) -> Iterator[tuple[int, int]]:
        """Cut a batch into pieces that fit the greatest size."""
        most = self.sizes[-1]
        return ((start, min(start + most, batch)) for start in range(0, batch, most))

    def _run_padded(self, features: Sequence[Floats], weights: Sequence[Floats], rows: int) -> list[Floats]:
        size = next(size for size in self.sizes if size >= rows)
        padded = features if size == rows else [_pad(feature, size) for feature in features]
        try:
            outputs = self._call(*padded, *weights)
        except (tf.errors.OpError, ValueError) as error:
            raise BadExport(f"the dense graph fails on a batch of {rows}: {error}") from error
        for output in outputs:
            if output.shape != (size,) or output.dtype != np.float32:
                raise BadExport(
                    f"an output is {output.dtype} of shape {output.shape}; it must be float32 of shape (batch,)"
                )
        return [output[:rows] for output in outputs]


def aligned(array: Floats) -> Floats:
    """Copy an array to an address at which TensorFlow reads it without a copy of its own; read-only."""
    room = np.empty(array.nbytes + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    copy = room[start : start + array.nbytes].view(np.float32).reshape(array.shape)
    copy[...] = array
    copy.flags.writeable = False
    return copy


def _pad(feature: Floats, size: int) -> Floats:
    padded = np.zeros((size, feature.shape[1]), np.float32)
    padded[: len(feature)] = feature
    return padded


def _parse(graph: bytes) -> "tf.compat.v1.GraphDef":
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
    return parsed


def _session_call(graph: "tf.compat.v1.GraphDef", spec: ModelSpec) -> Callable[..., list[Floats]]:
    options = config_pb2.CallableOptions()
    options.feed.extend([*spec.dense.feature_inputs, *spec.dense.weight_inputs])
    options.fetch.extend(spec.dense.outputs)
    scope = tf.Graph()
    try:
        with scope.as_default():
            tf.import_graph_def(graph, name="")
        # Requests are parallel by themselves, so that an operation runs in the thread of its request.
        config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=-1)
        session = tf.compat.v1.Session(graph=scope, config=config)
        # The public make_callable looks the feeds up at each call: 1.8 ms against 0.14.
        call: Callable[..., list[Floats]] = session._make_callable_from_options(options)  # noqa: SLF001
    except (tf.errors.OpError, ValueError, KeyError, TypeError) as error:
        raise BadExport(f"dense.graph.pb can't be loaded as model.json describes it: {error}") from error
    return call
