"""From an export to the program that an engine runs."""

from collections.abc import Sequence
from dataclasses import replace

from tandem_wire.errors import InvalidValue
from tandem_wire.model import ModelSpec, Side

from tandem_serving.errors import BadExport
from tandem_serving.fold import batch_norm, reshape, simplify, sums
from tandem_serving.fold.chain import NoChain, recognise
from tandem_serving.fold.checking import check_chain
from tandem_serving.fold.graph import Graph, Ref, Unfoldable
from tandem_serving.fold.partition import cut, fold_graph, rest_graph
from tandem_serving.fold.program import FOLD, REST, Fold, FoldInput, Intervals, Program, ProgramFeature, Rest, Slot
from tandem_serving.fold.reading import Export
from tandem_serving.fold.rewrite import rewrite
from tandem_serving.fold.sizes import integers
from tandem_serving.fold.steps import Step
from tandem_serving.fold.user_side import user_first

RULES = (*simplify.RULES, *reshape.RULES, *sums.RULES, *batch_norm.RULES)


def fold(spec: ModelSpec, data: bytes) -> Program:
    """Rewrite a dense graph so that what runs per batch is least (S1, S2, S3).

    Args:
      spec: model.json.
      data: the bytes of the graph that it names.

    Returns:
      A program that computes the same for all weights, to rounding; a graph that can't be rewritten is in it as it
      came.

    Raises:
      BadExport: the bytes are no graph, or lack an input or output of model.json.
    """
    export = Export(spec, data)
    try:
        graph = export.graph()
    except Unfoldable as error:
        return _as_it_came(export, data, str(error))
    simplify.skip_identities(graph)
    rewrite(graph, RULES)
    user_first(graph, export.features, _users(export))
    return _program(export, graph)


def cached_only(spec: ModelSpec, data: bytes) -> Program:
    """Cut out what hangs on weights only and change nothing else, as the article's CallGraph operation has it.

    Raises:
      BadExport: see ``fold``.
      Unfoldable: the graph can't be followed.
    """
    export = Export(spec, data)
    return _program(export, export.graph())


def cached(spec: ModelSpec, data: bytes, intervals: Intervals) -> Program:
    """Return what ``cached_only`` does, the results to be taken anew at intervals and not with each version.

    What is cached is older than the weights beside it for up to an interval after each update, and an answer mixes the
    two, which no version's name says. It is here for those who compare.

    Raises:
      BadExport: see ``fold``, or the graph can't be followed.
    """
    try:
        program = cached_only(spec, data)
    except Unfoldable as error:
        raise BadExport(f"{spec.dense.graph} can't be served with serving.callGraph: {error}") from error
    if program.fold is None:
        return program
    why = "serving.callGraph takes what hangs on weights only at intervals, which runs in TensorFlow"
    return replace(program, fold=replace(program.fold, intervals=intervals), chain=None, no_chain_because=why)


def unfolded(spec: ModelSpec, data: bytes, why: str) -> Program:
    """Return a program that runs a graph as it came; ``why`` says for people why it is not folded."""
    return _as_it_came(Export(spec, data), data, why)


def _program(export: Export, graph: Graph) -> Program:
    spec = export.spec
    weights = list(export.weights)
    where = cut(graph, weights)
    made = where.slots[where.weights :]
    rest, slots, outputs = rest_graph(graph, where, export.features)
    graphs, before = {REST: rest}, None
    if made:
        graphs[FOLD] = fold_graph(graph, where)
        needed = graph.needed(made)
        inputs = tuple(FoldInput(str(ref), i) for i, ref in enumerate(weights) if ref.node in needed)
        before = Fold(FOLD, inputs, tuple(str(ref) for ref in made))
    names = [spec.weights[weights.index(ref)].name for ref in where.slots[: where.weights]]
    names += [ref.node for ref in slots[where.weights :]]
    shapes = [integers(graph.fact(ref).shape or ()) or () for ref in where.slots]
    taken = tuple(
        Slot(name, shape, weights.index(ref)) if i < where.weights else Slot(name, shape, fold=i - where.weights)
        for i, (name, shape, ref) in enumerate(zip(names, shapes, where.slots, strict=True))
    )
    steps, why = _chain(export, graph, where.slots)
    return Program(
        before,
        taken,
        Rest(REST, tuple(str(ref) for ref in export.features), tuple(map(str, slots)), tuple(map(str, outputs))),
        _features(export),
        tuple(output.name for output in spec.outputs),
        steps,
        why,
        graphs,
    )


def _chain(export: Export, graph: Graph, slots: Sequence[Ref]) -> tuple[tuple[Step, ...] | None, str]:
    features = dict(zip(export.features, export.spec.dense.features, strict=True))
    outputs = [output.name for output in export.spec.outputs]
    widths = {feature.name: feature.width for feature in _features(export)}
    try:
        steps = recognise(graph, features, slots, outputs)
        check_chain(steps, widths, [integers(graph.fact(ref).shape or ()) or () for ref in slots], outputs)
    except NoChain as error:
        return None, str(error)
    except InvalidValue as error:  # the export itself does not fit together; TensorFlow says more when it runs
        return None, f"shapes do not fit together: {error}"
    return steps, ""


def _as_it_came(export: Export, data: bytes, why: str) -> Program:
    spec = export.spec
    slots = tuple(Slot(weight.name, weight.shape, i) for i, weight in enumerate(spec.weights))
    rest = Rest(REST, *(_tensors(t) for t in (spec.dense.feature_inputs, spec.dense.weight_inputs, spec.dense.outputs)))
    outputs = tuple(output.name for output in spec.outputs)
    return Program(None, slots, rest, _features(export), outputs, None, why, {REST: data})


def _users(export: Export) -> list[Ref]:
    sides = {given.name: given.side for given in export.spec.inputs}
    names = export.spec.dense.features
    return [ref for ref, name in zip(export.features, names, strict=True) if sides[name] is Side.USER]


def _tensors(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name if ":" in name else f"{name}:0" for name in names)


def _features(export: Export) -> tuple[ProgramFeature, ...]:
    widths = {given.name: export.spec.width(given) for given in export.spec.inputs}
    return tuple(ProgramFeature(name, widths[name]) for name in export.spec.dense.features)
