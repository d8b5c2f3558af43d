"""Whatever bytes an export brings, folding them gives a program or says what is wrong with them."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tandem_serving.errors import BadExport
from tandem_serving.fold import Program, fold
from tensorflow.core.framework import attr_value_pb2, graph_pb2

from tests.serving.fold import running
from tests.serving.fold.test_building import functions, head, norm_first, slices, stack

EXPORTS = [running.export({"a": 4, "b": 3}, build) for build in (norm_first, stack, slices, functions)]
OPS = (
    *("MatMul", "AddV2", "Const", "Reshape", "Unpack"),
    *("Own", "Squeeze", "FusedBatchNormV3", "ConcatV2", "Placeholder"),
)


@st.composite
def broken(draw):
    """An export of which some nodes are changed at random."""
    number = draw(st.integers(0, len(EXPORTS) - 1))
    exported = EXPORTS[number]
    definition = graph_pb2.GraphDef.FromString(exported.graph)
    for _ in range(draw(st.integers(1, 4))):
        node = draw(st.sampled_from(list(definition.node)))
        other = draw(st.sampled_from(list(definition.node)))
        kind = draw(st.integers(0, 7))
        if kind == 0:
            node.op = draw(st.sampled_from(OPS))
        elif kind == 1 and node.input:
            node.input.pop()
        elif kind == 2 and node.input:
            node.input[draw(st.integers(0, len(node.input) - 1))] = draw(
                st.sampled_from([other.name, f"{other.name}:3", "^gone", "gone", f"{other.name}:x", ""])
            )
        elif kind == 3 and node.attr:
            del node.attr[draw(st.sampled_from(sorted(node.attr)))]
        elif kind == 4 and node.attr:
            others = [attr for _, attr in sorted(other.attr.items())] or [attr_value_pb2.AttrValue()]
            node.attr[draw(st.sampled_from(sorted(node.attr)))].CopyFrom(draw(st.sampled_from(others)))
        elif kind == 5:
            node.input.append(other.name)
        elif kind == 6:
            node.name = other.name
        else:
            node.op = other.op
    return number, definition.SerializeToString()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(broken())
def test_a_broken_graph_is_a_program_or_a_bad_export(case):
    number, data = case
    try:
        program = fold(EXPORTS[number].spec, data)
    except BadExport:
        return
    assert Program.from_files(program.files()) == program


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_torn_bytes(data):
    exported = EXPORTS[0]
    torn = bytearray(exported.graph)
    for _ in range(data.draw(st.integers(1, 3))):
        torn[data.draw(st.integers(0, len(torn) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        program = fold(exported.spec, bytes(torn[: data.draw(st.integers(0, len(torn)))]))
    except BadExport:
        return
    assert Program.from_files(program.files()) == program


LOOSE = [
    ("too few inputs", lambda nodes: nodes["MatMul"].input.pop(), r"MatMul \(MatMul\) has 1 inputs, 2 are needed"),
    ("an attribute gone", lambda nodes: nodes["MatMul"].attr.pop("T"), r"MatMul \(MatMul\) lacks attribute T"),
]


@pytest.mark.parametrize(("change", "why"), [row[1:] for row in LOOSE], ids=[row[0] for row in LOOSE])
def test_a_node_unlike_its_operation_is_left_as_it_came(change, why):
    exported = running.export({"a": 4}, lambda f, w: {"ctr": head(f["a"], w)})
    definition = graph_pb2.GraphDef.FromString(exported.graph)
    change({node.name: node for node in definition.node})
    data = definition.SerializeToString()
    program = fold(exported.spec, data)
    assert program.graphs == {"rest.pb": data}
    assert re.search(why, program.no_chain_because)
