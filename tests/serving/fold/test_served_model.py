"""The figure fold_nodes: how much smaller the benchmark's model is than what Grappler makes of it."""

from bench.serving.fold_nodes import grappler
from bench.serving.model import served_model
from tests.serving.fold import running
from tests.serving.fold.test_building import check


def test_nodes():
    model = served_model(1)
    program = check(running.Exported(model.spec, model.graph, list(model.weights.values())), rows=64)
    rest = running.nodes(program.graphs["rest.pb"])
    assert rest == 32
    assert grappler(model, frozen=True) == 47  # weights frozen, which live weights forbid
    assert grappler(model, frozen=False) == 76
    assert [step.op for step in program.chain or ()] == ["concat", "dense", "dense", "dense", "dense", "dense"]
    left = running.operations(program.graphs["rest.pb"])
    assert not {"Mul", "Rsqrt", "Sub"}.intersection(left)
