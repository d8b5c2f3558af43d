"""Writes the rest graph of a program anew: captured parts as functions that XLA compiles, all else as it was.

All features are one input and all answers one output, so that a batch crosses to the device and back once. Weights are
arguments, never constants, so that an update needs no new compilation; they lie on the device under handles, put there
once per version.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import tensorflow as tf
from tensorflow.core.framework import graph_pb2

from tandem_serving.fold.graph import Graph, Node, Ref, Unfoldable
from tandem_serving.fold.program import Program
from tandem_serving.graph.exclusion import Exclusion
from tandem_serving.graph.plan import GRAPH, PLAN, Forget, Held, Plan
from tandem_serving.graph.region import MOST_PARTS, NotCaptured, Regions, find
from tandem_serving.graph.report import Report

_SCOPE: Final = "tandem_graph"
Tensors = dict[Ref, tf.Tensor]


@dataclass(frozen=True, slots=True)
class Capture:
    """A captured graph: the files that the engine reads beside the program, and what people are told."""

    files: Mapping[str, bytes]
    report: Report


def capture(program: Program, exclude: Iterable[str] = (), most_parts: int = MOST_PARTS) -> Capture:
    """Capture what can be of a program's rest graph.

    Args:
      program: what the engine runs without.
      exclude: names of nodes or operations that stay outside, beside those that always do.
      most_parts: how many parts there may be.

    Returns:
      The files and the report; there are no files where nothing is captured, and the report says why.
    """
    if program.fold is not None and program.fold.intervals is not None:
        return Capture(
            {}, Report(why_not="serving.callGraph takes results at times of its own; leave it out to capture")
        )
    definition = graph_pb2.GraphDef.FromString(program.graphs[program.rest.graph])
    exclusion = Exclusion(exclude, {function.signature.name: function for function in definition.library.function})
    try:
        nodes = _ordered(definition, program)
        inputs = {Ref.parse(name).node for name in (*program.rest.features, *program.rest.slots)}
        regions = find(nodes, inputs, exclusion.reason, most_parts)
        data, plan = _Writer(program, definition, nodes, regions).write()
    except (NotCaptured, Unfoldable) as error:
        return Capture({}, Report(unmatched=exclusion.unmatched, why_not=str(error)))
    except (tf.errors.OpError, ValueError, KeyError, TypeError) as error:
        # TensorFlow's importer; the graph itself runs, so that the base is served without.
        return Capture({}, Report(unmatched=exclusion.unmatched, why_not=f"it can't be written as functions: {error}"))
    report = Report.of(regions.parts, regions.outside, exclusion.unmatched)
    return Capture({PLAN: plan.to_json(), GRAPH: data}, report)


def _ordered(definition: Any, program: Program) -> list[Node]:  # noqa: ANN401 - a GraphDef
    """All that the outputs need, each after its inputs.

    Raises:
      Unfoldable: it has a loop.
    """
    nodes = [
        Node(node.name, node.op, tuple(Ref.parse(i) for i in node.input if not i.startswith("^")), dict(node.attr))
        for node in definition.node
    ]
    return Graph(nodes, [Ref.parse(output) for output in program.rest.outputs]).order()


@dataclass(slots=True)
class _Writer:
    program: Program
    definition: Any
    nodes: Sequence[Node]
    regions: Regions
    _constants: dict[str, Node] = field(init=False)
    _ends: list[Ref] = field(init=False)
    _features: dict[Ref, tuple[int, int]] = field(init=False)
    """Where each feature begins among all, and how wide it is."""
    _width: int = field(init=False)

    def __post_init__(self) -> None:
        self._constants = {node.name: node for node in self.nodes if node.op == "Const"}
        self._ends = [Ref.parse(output) for output in self.program.rest.outputs]
        self._features, self._width = {}, 0
        for feature, tensor in zip(self.program.features, self.program.rest.features, strict=True):
            self._features[Ref.parse(tensor)] = (self._width, feature.width)
            self._width += feature.width

    def write(self) -> tuple[bytes, Plan]:
        with tf.Graph().as_default() as graph:
            features = tf.compat.v1.placeholder(tf.float32, [None, self._width], f"{_SCOPE}/features")
            slots, held = self._slots()
            made: Tensors = dict(slots)
            answers: tf.Tensor | None = None
            for what in self.regions.order:
                if isinstance(what, int):
                    stacked = self._run_part(what, features, made)
                    answers = answers if stacked is None else stacked
                else:
                    found = self._import([what], self._given([what], made, features), _results(what, self._read()))
                    made |= found
            if answers is None:
                answers = _stacked([self._tensor(ref, made, features) for ref in self._ends])
            answers = tf.identity(answers, f"{_SCOPE}/answers")
            forgotten = tf.compat.v1.placeholder(tf.string, [], f"{_SCOPE}/forget")
            operation = tf.raw_ops.DeleteSessionTensor(handle=forgotten, name=f"{_SCOPE}/forgotten")
        data: bytes = graph.as_graph_def().SerializeToString(deterministic=True)
        return data, Plan(GRAPH, features.name, held, Forget(forgotten.name, operation.name), answers.name)

    def _slots(self) -> tuple[Tensors, tuple[Held, ...]]:
        made: Tensors = {}
        held: list[Held] = []
        for i, (slot, tensor) in enumerate(zip(self.program.slots, self.program.rest.slots, strict=True)):
            value = tf.compat.v1.placeholder(tf.float32, slot.shape, f"{_SCOPE}/value_{i}")
            keep = tf.raw_ops.GetSessionHandle(value=value, name=f"{_SCOPE}/keep_{i}")
            handle = tf.compat.v1.placeholder(tf.string, [], f"{_SCOPE}/held_{i}")
            there = tf.raw_ops.GetSessionTensor(handle=handle, dtype=tf.float32, name=f"{_SCOPE}/slot_{i}")
            there.set_shape(slot.shape)
            made[Ref.parse(tensor)] = there
            held.append(Held(value.name, keep.name, handle.name))
        return made, tuple(held)

    def _read(self) -> set[Ref]:
        """All tensors that anything reads."""
        return {ref for node in self.nodes for ref in node.inputs} | set(self._ends)

    def _run_part(self, index: int, features: tf.Tensor, made: Tensors) -> tf.Tensor | None:
        """Call one part as a function; return the stacked answers where this part makes all of them."""
        part = self.regions.parts[index]
        names = {node.name for node in part}
        outside = {ref for node in self.nodes if node.name not in names for ref in node.inputs}
        last = all(ref.node in names for ref in self._ends)
        results = sorted({ref for ref in outside | (set() if last else set(self._ends)) if ref.node in names})
        read = {ref for node in part for ref in node.inputs}
        taken = sorted(read & made.keys())
        whole = not read.isdisjoint(self._features)
        given = ([features] if whole else []) + [made[ref] for ref in taken]

        def body(*arguments: tf.Tensor) -> list[tf.Tensor]:
            inner: Tensors = dict(zip(taken, arguments[whole:], strict=True))
            found = self._import(
                part, self._given(part, inner, arguments[0]), sorted({*results, *(self._ends if last else ())})
            )
            answers = [_stacked([found[ref] for ref in self._ends])] if last else []
            return answers + [found[ref] for ref in results]

        compiled = tf.function(body, jit_compile=True, autograph=False)
        body.__name__ = f"part_{index}"
        called: Sequence[tf.Tensor] = compiled(*given)
        made |= dict(zip(results, called[last:], strict=True))
        return called[0] if last else None

    def _tensor(self, ref: Ref, made: Tensors, features: tf.Tensor) -> tf.Tensor:
        """A tensor that was made, or a feature, cut out of all of them."""
        if ref in made:
            return made[ref]
        begin, width = self._features[ref]
        return features[:, begin : begin + width]

    def _given(self, nodes: Sequence[Node], made: Tensors, features: tf.Tensor) -> Tensors:
        """What these nodes read and do not make, but for constants."""
        names = {node.name for node in nodes} | set(self._constants)
        return {
            ref: self._tensor(ref, made, features)
            for ref in sorted({ref for node in nodes for ref in node.inputs})
            if ref.node not in names
        }

    def _import(self, nodes: Sequence[Node], given: Tensors, results: Sequence[Ref]) -> Tensors:
        """Copy nodes, and the constants that they read, into the graph that is being written."""
        constants = {ref.node for node in nodes for ref in node.inputs if ref.node in self._constants}
        constants |= {ref.node for ref in results if ref.node in self._constants}
        definition = graph_pb2.GraphDef()
        definition.versions.CopyFrom(self.definition.versions)
        definition.library.CopyFrom(self.definition.library)
        for node in (*(self._constants[name] for name in sorted(constants)), *nodes):
            copied = definition.node.add(name=node.name, op=node.op)
            copied.input.extend(ref.node if ref.output == 0 else str(ref) for ref in node.inputs)
            for name, attr in node.attrs.items():
                if not name.startswith("_"):
                    copied.attr[name].CopyFrom(attr)
        tensors = tf.graph_util.import_graph_def(
            definition,
            input_map={str(ref): tensor for ref, tensor in given.items()},
            return_elements=[str(ref) for ref in results],
            name="",
        )
        return dict(zip(results, tensors, strict=True))


def _results(node: Node, read: Iterable[Ref]) -> list[Ref]:
    return sorted(ref for ref in read if ref.node == node.name)


def _stacked(outputs: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.stack([tf.reshape(output, [-1]) for output in outputs])
