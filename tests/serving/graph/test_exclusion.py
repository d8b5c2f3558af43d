"""What is never captured, and the reason that the report gives."""

import pytest
import tensorflow as tf
from tandem_serving.fold.graph import Node
from tandem_serving.graph.exclusion import BY_NAME, Exclusion

v1 = tf.compat.v1


def built(make):
    """The nodes and functions of a graph."""
    with tf.Graph().as_default() as graph:
        make()
    definition = graph.as_graph_def()
    functions = {function.signature.name: function for function in definition.library.function}
    return {node.name: Node(node.name, node.op, (), dict(node.attr)) for node in definition.node}, functions


def some():
    text = v1.placeholder(tf.string, [None], "text")
    x = v1.placeholder(tf.float32, [None, 4], "x")
    tf.strings.to_number(text, name="parsed")
    tf.strings.as_string(x, name="shown")
    tf.identity(text, name="copied")
    tf.identity(x, name="floats")
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1], [2]), 0)
    table.lookup(tf.constant([1]), name="found")
    tf.nn.relu(x, name="relu")

    @tf.function(autograph=False)
    def shout(value):
        return tf.strings.length(tf.strings.as_string(value, name="inner"))

    @tf.function(autograph=False)
    def above(value):
        return shout(value)

    tf.identity(above(x), name="answer")


@pytest.mark.parametrize(
    ("node", "says"),
    [
        ("parsed", "works on strings"),
        ("shown", "works on strings"),
        ("copied", "works on strings"),
        ("found/LookupTableFindV2", "looks up a hash table"),
        ("floats", ""),
        ("relu", ""),
    ],
)
def test_what_runs_on_the_host_stays_outside(node, says):
    nodes, functions = built(some)
    found = next(each for name, each in nodes.items() if name == node or name.startswith(node))
    assert Exclusion((), functions).reason(found) == says


def test_a_call_stays_outside_for_what_its_function_does():
    nodes, functions = built(some)
    call = next(node for node in nodes.values() if "PartitionedCall" in node.op)
    why = Exclusion((), functions).reason(call)
    assert why.startswith("calls __inference_above")
    assert why.endswith("inner (AsString): works on strings")


def test_call_graph_has_a_clock_of_its_own():
    assert Exclusion().reason(Node("cached", "CallGraph", ())) == "runs at times of its own"


@pytest.mark.parametrize("name", ["relu", "Relu"])
def test_nodes_and_operations_are_excluded_by_name(name):
    nodes, functions = built(some)
    exclusion = Exclusion([name, "Misspelt"], functions)
    assert exclusion.reason(nodes["relu"]) == BY_NAME
    assert exclusion.reason(nodes["floats"]) == ""
    assert exclusion.unmatched == ("Misspelt",)


def test_a_name_inside_of_a_function_keeps_its_call_outside():
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, 4], "x")

        @tf.function(autograph=False)
        def body(value):
            return tf.nn.elu(value, name="kept")

        body(x)
    definition = graph.as_graph_def()
    functions = {function.signature.name: function for function in definition.library.function}
    call = next(Node(n.name, n.op, (), dict(n.attr)) for n in definition.node if "Call" in n.op)
    assert Exclusion([], functions).reason(call) == ""
    exclusion = Exclusion(["Elu"], functions)
    assert exclusion.reason(call).endswith(f"kept (Elu): {BY_NAME}")
    assert exclusion.unmatched == ()
