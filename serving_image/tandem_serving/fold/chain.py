"""Recognises a rest graph as a chain of known layers, which an engine can run without TensorFlow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tandem_serving.fold.facts import FLOAT, Source
from tandem_serving.fold.graph import Graph, Node, Ref
from tandem_serving.fold.simplify import is_last_concat
from tandem_serving.fold.sizes import BATCH, ONE, Length, Size, integers, product
from tandem_serving.fold.slicing import masks
from tandem_serving.fold.steps import Step
from tandem_serving.fold.sums import is_dot


class NoChain(Exception):  # noqa: N818 - it says why, nothing is wrong
    """The graph is no chain; the message is a sentence for people."""


def recognise(
    graph: Graph, features: Mapping[Ref, str], slots: Sequence[Ref], outputs: Sequence[str]
) -> tuple[Step, ...]:
    """Return the graph as steps.

    Args:
      graph: rewritten.
      features: names of the feature placeholders.
      slots: where the graph was cut.
      outputs: names of the graph's outputs.

    Raises:
      NoChain: some node is none of a chain's; the graph stays for TensorFlow.
    """
    walk = _Walk(graph, features, slots, outputs)
    for node in graph.order():
        if graph.fact(node.out).source is Source.FEATURES and node.out not in features:
            walk.take(node)
    return walk.finish()


_PAIRS = {"AddV2": "add", "Mul": "mul"}


class _Walk:
    """Names of values made so far, by tensor."""

    def __init__(self, graph: Graph, features: Mapping[Ref, str], slots: Sequence[Ref], outputs: Sequence[str]) -> None:
        self._graph = graph
        self._values = {ref: f"f:{name}" for ref, name in features.items()}
        self._slots = {ref: f"s:{i}" for i, ref in enumerate(slots)}
        self._outputs = outputs
        self._steps: list[Step] = []
        self._inside: set[str] = set()

    def take(self, node: Node) -> None:
        """Turn a node, and what a step takes in with it, into steps."""
        if node.name in self._inside:
            return
        rule = _RULES.get(node.op)
        if rule is None or self._graph.fact(node.out).dtype != FLOAT:
            raise NoChain(f"operation {node.op} (node {node.name}) is none that a chain has")
        rule(self, node)

    def finish(self) -> tuple[Step, ...]:
        """Return the steps, the outputs' values under the outputs' names."""
        names: dict[str, str] = {}
        for ref, name in zip(self._graph.outputs, self._outputs, strict=True):
            value = self._values.get(ref, "")
            if not value.startswith("v:") or value in names:
                raise NoChain(f"output {name} is an input, a weight or another output as it is")
            if self._block(ref) != (BATCH, 1):
                raise NoChain(f"output {name} has more than one number per sample")
            names[value] = f"v:{name}"
        for step in self._steps:
            name = step.out
            while name in names.values():
                name += "_"
            names.setdefault(step.out, name)
        return tuple(
            replace(step, inputs=tuple(names.get(ref, ref) for ref in step.inputs), out=names[step.out])
            for step in self._steps
        )

    def _block(self, ref: Ref) -> tuple[Size, int]:
        """Return rows and width of a tensor as a matrix; a vector is one column."""
        shape = self._graph.fact(ref).shape
        if shape:
            rows: Length = product(shape[:-1]) if len(shape) > 1 else shape[0]
            last = shape[-1] if len(shape) > 1 else ONE
            width = None if last is None else integers((last,))
            if rows is not None and rows.batch and width is not None:
                return rows, width[0]
        raise NoChain(f"the shape of {ref} is not a number of rows per sample times a fixed width")

    def _value(self, ref: Ref) -> str:
        if ref not in self._values:
            raise NoChain(f"{ref} stands where a chain has a value of the batch")
        return self._values[ref]

    def _slot(self, ref: Ref) -> str:
        if ref not in self._slots:
            raise NoChain(f"{ref} stands where a chain has weights")
        return self._slots[ref]

    def _emit(self, made: Ref, step: Step) -> None:
        """Add a step that makes a tensor."""
        self._block(made)
        self._values[made] = step.out
        self._steps.append(step)

    def _new(self) -> str:
        return f"v:h{len(self._steps)}"

    def _only_user(self, ref: Ref) -> Node | None:
        users = self._graph.users(ref)
        return users[0] if len(users) == 1 and self._graph.uses(ref) == 1 else None

    def dense(self, node: Node) -> None:
        x, w = node.inputs
        if node.flag("transpose_a") or node.flag("transpose_b"):
            raise NoChain(f"node {node.name} multiplies transposed values of the batch")
        kernel, out, bias, activation = self._slot(w), node.out, None, "none"
        user, width = self._only_user(out), (self._graph.fact(out).shape or ())[-1:]
        if (
            user is not None
            and user.op == "AddV2"
            and user.inputs[0] == out
            and user.inputs[1] in self._slots
            and self._graph.fact(user.inputs[1]).shape == width
        ):
            bias, out = self._slots[user.inputs[1]], user.out
            self._inside.add(user.name)
            user = self._only_user(out)
        if user is not None and user.op in ("Relu", "Sigmoid"):
            activation, out = user.op.lower(), user.out
            self._inside.add(user.name)
        self._emit(out, Step("dense", (self._value(x),), self._new(), kernel, bias, activation))

    def concat(self, node: Node) -> None:
        if not is_last_concat(self._graph, node) or len(self._graph.fact(node.out).shape or ()) == 1:
            raise NoChain(f"node {node.name} concatenates along another axis than the last")
        self._emit(node.out, Step("concat", tuple(self._value(ref) for ref in node.inputs[:-1]), self._new()))

    def pair(self, node: Node) -> None:
        a, b = node.inputs
        if b in self._slots:
            row = self._graph.fact(b).shape or ()
            if any(size != ONE for size in row[:-1]) or self._block(a) != self._block(node.out):
                raise NoChain(f"node {node.name} uses weights that are not one row")
            self._emit(node.out, Step(_PAIRS[node.op], (self._value(a), self._slots[b]), self._new()))
            return
        shapes = [self._graph.fact(ref).shape or () for ref in (a, b)]
        if len({len(shape) for shape in shapes}) > 1 or len({shape[:-1] for shape in shapes}) > 1:
            raise NoChain(f"node {node.name} works on values of different rows")
        user = self._only_user(node.out)
        if user is None or not is_dot(self._graph, user):
            self._emit(node.out, Step(_PAIRS[node.op], (self._value(a), self._value(b)), self._new()))

    def sum(self, node: Node) -> None:
        if not is_dot(self._graph, node):
            raise NoChain(f"node {node.name} sums something else than the columns of a product of two values")
        a, b = self._graph.node(node.inputs[0]).inputs
        self._emit(node.out, Step("dot", (self._value(a), self._value(b)), self._new()))

    def single(self, node: Node) -> None:
        self._emit(node.out, Step(node.op.lower(), (self._value(node.inputs[0]),), self._new()))

    def reshape(self, node: Node) -> None:
        x = node.inputs[0]
        if self._block(x) == self._block(node.out):
            self._values[node.out] = self._value(x)
        else:
            width = self._block(node.out)[1]
            self._emit(node.out, Step("reshape", (self._value(x),), self._new(), width=width))

    def slice(self, node: Node) -> None:
        x = node.inputs[0]
        begin = self._ints(node.inputs[1])
        before, after = self._graph.fact(x).shape or (), self._graph.fact(node.out).shape or ()
        if len(before) < 2 or any(begin[:-1]) or before[:-1] != after[:-1]:  # noqa: PLR2004
            raise NoChain(f"node {node.name} takes some rows, or of another axis than the last")
        width = self._block(node.out)[1]
        self._emit(node.out, Step("slice", (self._value(x),), self._new(), begin=begin[-1], size=width))

    def strided_slice(self, node: Node) -> None:
        x, rank = node.inputs[0], len(self._graph.fact(node.inputs[0]).shape or ())
        mask = masks(node.attrs)
        begin, end, step = (list(self._ints(ref)) for ref in node.inputs[1:])
        last = len(begin) - 1
        whole = mask["begin_mask"] & mask["end_mask"]
        leading = all(whole >> i & 1 or mask["ellipsis_mask"] >> i & 1 for i in range(last))
        spans = last == rank - 1 or mask["ellipsis_mask"]
        if rank < 2 or not leading or not spans or mask["new_axis_mask"] or mask["ellipsis_mask"] >> last & 1:  # noqa: PLR2004
            raise NoChain(f"node {node.name} takes some rows, or of another axis than the last")
        width = self._block(x)[1]
        shrinks = mask["shrink_axis_mask"] >> last & 1
        first = None if mask["begin_mask"] >> last & 1 and not shrinks else begin[last]
        until = None if mask["end_mask"] >> last & 1 else end[last]
        taken = range(width)[first : until if not shrinks else ((first or 0) + 1 or None) : step[last]]
        if not taken or taken.step != 1 or mask["shrink_axis_mask"] & ~(1 << last) or (shrinks and rank > 2):  # noqa: PLR2004
            raise NoChain(f"node {node.name} takes columns that do not stand side by side")
        self._emit(node.out, Step("slice", (self._value(x),), self._new(), begin=taken.start, size=len(taken)))

    def parts(self, node: Node) -> None:
        x = node.inputs[1] if node.op == "Split" else node.inputs[0]
        rank, begin = len(self._graph.fact(x).shape or ()), 0
        count = {"Split": "num_split", "SplitV": "num_split", "Unpack": "num"}[node.op]
        axis = (
            node.attr("axis").i if node.op == "Unpack" else self._ints(node.inputs[0 if node.op == "Split" else 2])[0]
        )
        if rank < 2 or axis % rank != rank - 1 or (node.op == "Unpack" and rank > 2):  # noqa: PLR2004
            raise NoChain(f"node {node.name} takes some rows, or of another axis than the last")
        for i in range(node.attr(count).i):
            made = Ref(node.name, i)
            width = self._block(made)[1]
            if self._graph.uses(made):
                self._emit(made, Step("slice", (self._value(x),), self._new(), begin=begin, size=width))
            begin += width

    def _ints(self, ref: Ref) -> tuple[int, ...]:
        value = self._graph.fact(ref).value
        plain = None if value is None else integers(value)
        if plain is None:
            raise NoChain(f"{ref} is computed for each batch")
        return plain


_RULES: Mapping[str, Callable[[_Walk, Node], None]] = {
    "AddV2": _Walk.pair,
    "ConcatV2": _Walk.concat,
    "MatMul": _Walk.dense,
    "Mul": _Walk.pair,
    "Relu": _Walk.single,
    "Reshape": _Walk.reshape,
    "Sigmoid": _Walk.single,
    "Slice": _Walk.slice,
    "Split": _Walk.parts,
    "SplitV": _Walk.parts,
    "StridedSlice": _Walk.strided_slice,
    "Sum": _Walk.sum,
    "Unpack": _Walk.parts,
}
