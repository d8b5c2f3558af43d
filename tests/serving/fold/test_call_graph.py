"""The article's CallGraph: what is cut, when it is taken anew, and what it costs in answers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tandem_serving.errors import BadExport
from tandem_serving.fold import Program, fold
from tandem_serving.fold.building import cached, cached_only
from tandem_serving.fold.program import Intervals
from tandem_wire.errors import InvalidValue
from tensorflow.core.framework import graph_pb2

from tests.serving.fold import running
from tests.serving.fold.test_building import head, norm_first

INTERVALS = Intervals(count_interval=100, time_interval=2.5)


def test_the_program_says_when_results_are_taken_anew():
    exported = running.export({"a": 4, "b": 3}, norm_first)
    program = cached(exported.spec, exported.graph, INTERVALS)
    assert program.fold is not None
    assert program.fold.intervals == INTERVALS
    assert program.chain is None
    assert program.graphs == cached_only(exported.spec, exported.graph).graphs
    assert json.loads(program.files()["program.json"])["fold"]["intervals"] == {
        "count_interval": 100,
        "time_interval": 2.5,
    }
    assert Program.from_files(program.files()) == program


def test_where_nothing_hangs_on_weights_alone_the_program_is_any_other():
    exported = running.export({"a": 4}, lambda f, weight: {"ctr": head(f["a"], weight)})
    assert cached(exported.spec, exported.graph, INTERVALS).fold is None


def test_a_chain_knows_of_no_intervals():
    program = fold(*_plain())
    assert program.fold is not None
    with pytest.raises(InvalidValue, match="must be null where fold has intervals"):
        replace(program, fold=replace(program.fold, intervals=INTERVALS))


def test_a_graph_that_cant_be_followed_is_refused():
    spec, graph = _plain()
    definition = graph_pb2.GraphDef.FromString(graph)
    first, second = [node for node in definition.node if node.op == "Relu"][:2]
    first.input[0], second.input[0] = second.name, first.name
    with pytest.raises(BadExport, match=r"can't be served with serving\.callGraph: .*loop"):
        cached(spec, definition.SerializeToString(), INTERVALS)


def _plain():
    exported = running.export({"a": 4, "b": 3}, norm_first)
    return exported.spec, exported.graph


def test_what_is_cached_goes_wrong_with_weights_that_move_together():
    """A layer's kernel, mean and deviation grow by a tenth: only an old fold of batch norm answers differently."""
    exported = running.export({"a": 4, "b": 3}, norm_first)
    grown = list(exported.weights)
    kernel, bias, mean, variance = 4, 5, 6, 7
    for i, factor in ((kernel, 1.1), (bias, 1.1), (mean, 1.1), (variance, 1.21)):
        grown[i] = (grown[i] * factor).astype(np.float32)
    features = running.batch(exported.spec, 50)
    program = fold(exported.spec, exported.graph)
    (old, _), (new, _) = (running.rest(program, features, running.slots(program, w)) for w in (exported.weights, grown))
    article = cached_only(exported.spec, exported.graph)
    right, _ = running.rest(article, features, running.slots(article, grown))
    np.testing.assert_allclose(right, new, atol=1e-5)
    before, after = running.slots(article, exported.weights), running.slots(article, grown)
    mixed_slots = [a if slot.weight is not None else b for slot, a, b in zip(article.slots, after, before, strict=True)]
    mixed, _ = running.rest(article, features, mixed_slots)
    # Only epsilon keeps the old answers from being right.
    assert np.abs(mixed - right).max() > 100 * np.abs(old - right).max() > 0
