import pytest
from tandem_serving.fold.facts import FLOAT, Fact, Source
from tandem_serving.fold.graph import Graph, Node, Ref, Unfoldable
from tandem_serving.fold.rewrite import merge_equal, rewrite
from tandem_serving.fold.sizes import fixed

KNOWN = {"x": Fact(FLOAT, fixed(3), None, Source.FEATURES), "w": Fact(FLOAT, fixed(3), None, Source.WEIGHTS)}


def node(name, op, *inputs):
    return Node(name, op, tuple(Ref.parse(text) for text in inputs))


def graph(*nodes, outputs):
    given = [Node(name, "Placeholder", ()) for name in KNOWN]
    return Graph([*nodes, *given], [Ref.parse(text) for text in outputs], KNOWN)


@pytest.mark.parametrize(("text", "ref"), [("a", Ref("a", 0)), ("a/b:0", Ref("a/b", 0)), ("a:12", Ref("a", 12))])
def test_refs(text, ref):
    assert Ref.parse(text) == ref
    assert Ref.parse(str(ref)) == ref


def test_only_what_is_needed_is_there_in_an_order_that_runs():
    made = graph(node("b", "Relu", "a"), node("a", "Relu", "x"), node("c", "Relu", "w"), outputs=["b"])
    assert [n.name for n in made.order()] == ["x", "a", "b"]
    assert "c" not in made
    assert len(made) == 3


def test_replacing_moves_all_readers_and_sweeps():
    made = graph(node("a", "Relu", "x"), node("b", "Neg", "a"), node("c", "Mul", "a", "b"), outputs=["a", "c"])
    made.replace(Ref("a"), Ref("x"))
    assert made.outputs == [Ref("x"), Ref("c")]
    assert made.node(Ref("c")).inputs == (Ref("x"), Ref("b"))
    assert made.uses(Ref("x")) == 3
    assert "a" not in made
    made.replace(Ref("c"), Ref("x"))
    assert "b" not in made


def test_another_output_of_a_replaced_node_stays():
    made = graph(node("u", "Unpack", "x"), node("a", "Relu", "u:0"), node("b", "Relu", "u:1"), outputs=["a", "b"])
    made.replace(Ref("u", 0), Ref("w"))
    assert made.node(Ref("a")).inputs == (Ref("w"),)
    assert made.node(Ref("b")).inputs == (Ref("u", 1),)
    assert made.users(Ref("u", 0)) == []


def test_new_names_are_free():
    taken = "folded/Relu_0"
    made = graph(node(taken, "Relu", "x"), outputs=[taken])
    assert made.add("Relu", [Ref(taken)], {}).node != taken


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([node("a", "Relu", "b"), node("b", "Relu", "a")], "node a is part of a loop"),
        ([node("a", "Relu", "a")], "node a is part of a loop"),
        ([node("a", "Relu", "gone")], "node gone is read but is not in the graph"),
    ],
    ids=["a loop", "a loop of one", "a missing node"],
)
def test_what_can_not_be_followed(nodes, why):
    with pytest.raises(Unfoldable, match=why):
        graph(*nodes, outputs=["a"])


def test_a_deep_graph_needs_no_deep_stack():
    nodes = [node(f"n{i}", "Relu", f"n{i - 1}" if i else "x") for i in range(5000)]
    assert len(graph(*nodes, outputs=["n4999"]).order()) == 5001


def test_what_is_computed_twice_is_merged():
    made = graph(
        node("a", "Relu", "x"), node("b", "Relu", "x"), node("c", "Mul", "a", "b"), node("d", "Relu", "w"),
        outputs=["c", "d"],
    )  # fmt: skip
    assert merge_equal(made)
    assert made.node(Ref("c")).inputs == (Ref("a"), Ref("a"))
    assert not merge_equal(made)


def test_operations_with_effects_are_never_merged_nor_foldable():
    made = graph(
        node("a", "RandomStandardNormal", "w"), node("b", "RandomStandardNormal", "w"), node("c", "Mul", "a", "b"),
        node("d", "NoSuchOperation", "w"),
        outputs=["c", "d"],
    )  # fmt: skip
    assert not merge_equal(made)
    assert {made.fact(Ref(name)).source for name in "abcd"} == {Source.FEATURES}


def test_rules_that_undo_each_other_end():
    made = graph(node("a", "Relu", "x"), outputs=["a"])
    flips = {"Relu": "Neg", "Neg": "Relu"}
    rewrite(made, [lambda g, n: g.add(flips[n.op], n.inputs, {}) if n.op in flips else None])
    assert made.node(made.outputs[0]).op in flips
