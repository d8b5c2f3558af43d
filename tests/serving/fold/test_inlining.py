import pytest
import tensorflow as tf
from tandem_serving.fold.graph import Node, Ref, Unfoldable
from tandem_serving.fold.inlining import Inlined
from tensorflow.core.framework import function_pb2

from tests.serving.fold import running
from tests.serving.fold.test_building import check, head


def function(name, body, returned):
    """A function of one argument x and one result y, its body given as (name, operation, input)."""
    made = function_pb2.FunctionDef()
    made.signature.name = name
    made.signature.input_arg.add(name="x", type=tf.float32.as_datatype_enum)
    made.signature.output_arg.add(name="y", type=tf.float32.as_datatype_enum)
    for node, op, given in body:
        made.node_def.add(name=node, op=op, input=[given])
    made.ret["y"] = returned
    return made


def call(name, op, given):
    return Node(name, op, (Ref(given),))


def test_bodies_stand_under_the_names_of_their_calls():
    functions = {
        "inner": function("inner", [("r", "Relu", "x")], "r:activations:0"),
        "outer": function("outer", [("c", "inner", "x"), ("n", "Neg", "c:y:0")], "n:y:0"),
        "same": function("same", [], "x"),
    }
    made = Inlined([call("a", "outer", "in"), call("b", "same", "a"), call("c", "Tanh", "b")], functions)
    assert {node.name: (node.op, node.inputs) for node in made.nodes} == {
        "a/c/r": ("Relu", (Ref("in"),)),
        "a/n": ("Neg", (Ref("a/c/r"),)),
        "c": ("Tanh", (Ref("a/n"),)),
    }
    assert made.resolve(Ref("b")) == Ref("a/n")


def test_a_function_that_calls_itself_ends_as_a_call():
    functions = {"again": function("again", [("c", "again", "x")], "c:y:0")}
    made = Inlined([call("a", "again", "in")], functions)
    assert [node.op for node in made.nodes] == ["again"]


LOOSE = [
    ("a result that is not there", function("f", [], "gone:y:0"), "names a value that is not there"),
    ("a value that is not there", function("f", [("r", "Relu", "gone:y:0")], "x"), "names a value that is not there"),
]


@pytest.mark.parametrize(("made", "why"), [row[1:] for row in LOOSE], ids=[row[0] for row in LOOSE])
def test_a_body_that_does_not_fit_together(made, why):
    with pytest.raises(Unfoldable, match=why):
        Inlined([call("a", "f", "in")], {"f": made})


def test_calls_in_a_circle():
    functions = {"same": function("same", [], "x")}
    with pytest.raises(Unfoldable, match="is part of a loop"):
        Inlined([call("a", "same", "b"), call("b", "same", "a"), call("c", "Relu", "a")], functions)


def test_loops_and_branches_stay_with_their_functions():
    def build(f, w):
        scale = w(4)
        x = tf.while_loop(lambda i, _: i < 3, lambda i, x: (i + 1, x * scale), [0, f["a"]])[1]
        return {"x": head(tf.cond(tf.reduce_sum(f["a"]) > 0, lambda: x, lambda: -x), w)}

    program = check(running.export({"a": 4}, build))
    assert program.chain is None
