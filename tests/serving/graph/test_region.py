"""The maximal parts of a graph: tables for what is known, Hypothesis for what must always hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_serving.fold.graph import Node, Ref
from tandem_serving.graph.region import NotCaptured, Split, find


def node(text):
    """``name=Op(a,b)`` as a node; what is written with an exclamation mark can't be captured."""
    name, _, rest = text.partition("=")
    op, _, inputs = rest.rstrip(")").partition("(")
    return Node(name, op, tuple(Ref(each) for each in inputs.split(",") if each))


def why(each):
    return "may not" if each.op.startswith("!") else ""


def parts(regions):
    return [[each.name for each in part] for part in regions.parts]


@pytest.mark.parametrize(
    ("nodes", "expected", "outside"),
    [
        pytest.param(["x=In()", "a=Mat(x)", "b=Relu(a)"], [["a", "b"]], [], id="all of it"),
        pytest.param(["x=In()", "c=Const()", "a=Mat(x,c)"], [["a"]], [], id="constants are nobody's"),
        pytest.param(
            ["x=In()", "s=!S(x)", "a=Mat(s)", "b=Mat(a,x)"], [["a", "b"]], ["s"], id="before the dense layers"
        ),
        pytest.param(["x=In()", "a=Mat(x)", "s=!S(a)"], [["a"]], ["s"], id="behind them"),
        pytest.param(["x=In()", "a=Mat(x)", "s=!S(x)", "b=Mat(a,s)"], [["a", "b"]], ["s"], id="beside them"),
        pytest.param(["x=In()", "a=Mat(x)", "s=!S(a)", "b=Mat(s)"], [["a"], ["b"]], ["s"], id="between them"),
        pytest.param(
            ["x=In()", "a=Mat(x)", "s=!S(a)", "b=Mat(s)", "c=Mat(a)", "d=Mat(b,c)"],
            [["a", "c"], ["b", "d"]],
            ["s"],
            id="what does not pass it stays in the first part",
        ),
        pytest.param(
            ["x=In()", "a=Mat(x)", "s=!S(a)", "t=!S(s)", "b=Mat(t)"],
            [["a"], ["b"]],
            ["s", "t"],
            id="two in a row split once",
        ),
        pytest.param(
            ["x=In()", "r=Reshape(x)", "s=!S(r)", "b=Mat(s)"],
            [["b"]],
            ["r", "s"],
            id="only shapes before it are not worth a launch",
        ),
    ],
)
def test_parts(nodes, expected, outside):
    regions = find([node(text) for text in nodes], ["x"], why)
    assert parts(regions) == expected
    assert [each.node.name for each in regions.outside] == outside


def test_nothing_to_capture_says_what_there_is():
    with pytest.raises(NotCaptured, match=r"no operation can be captured: s \(!S, may not\)"):
        find([node("x=In()"), node("s=!S(x)")], ["x"], why)


def chain(splits):
    nodes = [node("x=In()"), node("a0=Mat(x)")]
    for i in range(splits):
        nodes += [node(f"s{i}=!S(a{i})"), node(f"a{i + 1}=Mat(s{i})")]
    return nodes


def test_more_parts_than_allowed_name_what_splits_them():
    assert len(find(chain(3), ["x"], why).parts) == 4
    with pytest.raises(
        Split,
        match=r"split the graph into 5 parts, 4 are allowed: s0 \(!S, may not\), s1 .* s3 \(!S, may not\); move them",
    ):
        find(chain(4), ["x"], why)
    assert len(find(chain(4), ["x"], why, most_parts=5).parts) == 5


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 14))
    nodes = [Node("x", "In", ())]
    for i in range(count):
        inputs = draw(st.lists(st.sampled_from([each.name for each in nodes]), min_size=1, max_size=3))
        op = draw(st.sampled_from(["Mat", "Mat", "Reshape", "!S"]))
        nodes.append(Node(f"n{i}", op, tuple(Ref(name) for name in inputs)))
    return nodes


@given(graphs())
def test_every_node_is_somewhere_and_nothing_runs_before_what_it_reads(nodes):
    try:
        regions = find(nodes, ["x"], why, most_parts=99)
    except NotCaptured:
        assert all(each.op in ("In", "!S", "Reshape") for each in nodes)
        return
    inside = [name for part in parts(regions) for name in part]
    outside = [each.node.name for each in regions.outside]
    assert sorted(inside + outside) == sorted(each.name for each in nodes[1:])
    assert not any(each.op == "!S" for part in regions.parts for each in part)
    done = {"x"}
    for what in regions.order:
        unit = regions.parts[what] if isinstance(what, int) else [what]
        for each in unit:
            assert {ref.node for ref in each.inputs} <= done | {other.name for other in unit}
        done |= {each.name for each in unit}


@given(graphs())
def test_there_are_no_fewer_parts_than_a_way_through_the_graph_needs(nodes):
    """The number of parts is the most alternations on any way, so no other cut has fewer; found here by brute force."""
    try:
        found = len(find(nodes, ["x"], lambda each: why(each) if each.op != "Reshape" else "may not", 99).parts)
    except NotCaptured:
        found = 0
    captured = {each.name for each in nodes if each.op == "Mat"}
    by_name = {each.name: each for each in nodes}

    def deepest(name):
        """Captured stretches on the longest way that ends here, and whether this node is captured."""
        each = by_name[name]
        best = 0
        for ref in each.inputs:
            before = deepest(ref.node)
            best = max(best, before + (name in captured and (ref.node not in captured or before == 0)))
        return best

    assert found == max(deepest(each.name) for each in nodes)
