#!/usr/bin/env python3
"""Makes the files beside it: a program of one hidden layer with batch norm and two heads, for the engine's tests.

Run from anywhere with the environment of the repository: ``python make.py``. The files are checked in, so that the
tests need no Python; what they hold is computed again by ``open_test.cc`` from the weights alone.
"""

import json
from pathlib import Path

import tensorflow as tf
from tandem_serving.fold.program import Program
from tandem_serving.graph.capture import capture
from tandem_serving.graph.plan import GRAPH, PLAN, Plan

WIDTHS = (2, 4, 4)
HIDDEN = 6
EPSILON = 1e-3
WEIGHTS = {"kernel": (10, 6), "bias": (6,), "mean": (6,), "variance": (6,), "ctr": (6, 1), "cvr": (6, 1)}
SLOTS = {"ctr": (6, 1), "cvr": (6, 1), "folded/kernel": (10, 6), "folded/bias": (6,)}

v1 = tf.compat.v1


def fold() -> bytes:
    """Batch norm drawn into kernel and bias."""
    graph = tf.Graph()
    with graph.as_default():
        kernel, bias, mean, variance = (
            v1.placeholder(tf.float32, WEIGHTS[name], name=f"weight_{name}")
            for name in ("kernel", "bias", "mean", "variance")
        )
        scale = tf.math.rsqrt(variance + EPSILON)
        tf.multiply(kernel, scale, name="kernel")
        tf.multiply(bias - mean, scale, name="bias")
    data: bytes = graph.as_graph_def().SerializeToString()
    return data


def rest() -> bytes:
    """What runs for each batch."""
    graph = tf.Graph()
    with graph.as_default():
        features = [v1.placeholder(tf.float32, [None, width], name=f"feature_{i}") for i, width in enumerate(WIDTHS)]
        ctr, cvr, kernel, bias = (
            v1.placeholder(tf.float32, shape, name=f"slot_{i}") for i, shape in enumerate(SLOTS.values())
        )
        hidden = tf.nn.relu(tf.matmul(tf.concat(features, 1), kernel) + bias)
        for name, head in (("ctr", ctr), ("cvr", cvr)):
            tf.reshape(tf.sigmoid(tf.matmul(hidden, head)), [-1], name=name)
    data: bytes = graph.as_graph_def().SerializeToString()
    return data


def program() -> dict[str, object]:
    """The program that names them."""
    names = ("kernel", "bias", "mean", "variance")
    return {
        "format": "tandem.program/1",
        "fold": {
            "graph": "fold.pb",
            "inputs": [{"tensor": f"weight_{name}:0", "weight": i} for i, name in enumerate(names)],
            "outputs": ["kernel:0", "bias:0"],
        },
        "slots": [
            {"name": "ctr", "shape": [6, 1], "weight": 4},
            {"name": "cvr", "shape": [6, 1], "weight": 5},
            {"name": "folded/kernel", "shape": [10, 6], "fold": 0},
            {"name": "folded/bias", "shape": [6], "fold": 1},
        ],
        "rest": {
            "graph": "rest.pb",
            "features": [f"feature_{i}:0" for i in range(3)],
            "slots": [f"slot_{i}:0" for i in range(4)],
            "outputs": ["ctr:0", "cvr:0"],
        },
        "features": [{"name": name, "width": w} for name, w in zip(("numeric", "user", "words"), WIDTHS, strict=True)],
        "outputs": ["ctr", "cvr"],
        "chain": [
            {"op": "concat", "in": ["f:numeric", "f:user", "f:words"], "out": "v:x"},
            {"op": "dense", "in": "v:x", "kernel": "s:2", "bias": "s:3", "activation": "relu", "out": "v:hidden"},
            {"op": "dense", "in": "v:hidden", "kernel": "s:0", "activation": "sigmoid", "out": "v:ctr"},
            {"op": "dense", "in": "v:hidden", "kernel": "s:1", "activation": "sigmoid", "out": "v:cvr"},
        ],
        "no_chain_because": "",
    }


def variant(plan: Plan, kind: str) -> bytes:
    """A captured graph under the same names that does not compile, answers wrongly, or fails on some batches."""
    graph = tf.Graph()
    with graph.as_default():
        features = v1.placeholder(tf.float32, [None, sum(WIDTHS)], plan.features[:-2])
        slots = []
        for i, (shape, held) in enumerate(zip(SLOTS.values(), plan.slots, strict=True)):
            value = v1.placeholder(tf.float32, shape, held.value[:-2])
            tf.raw_ops.GetSessionHandle(value=value, name=held.keep[:-2])
            handle = v1.placeholder(tf.string, [], held.held[:-2])
            slots.append(tf.raw_ops.GetSessionTensor(handle=handle, dtype=tf.float32, name=f"slot_{i}"))
            slots[-1].set_shape(shape)

        def layers(x: tf.Tensor, ctr: tf.Tensor, cvr: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
            hidden = tf.nn.relu(tf.matmul(x, kernel) + bias)
            answers = tf.stack([tf.reshape(tf.sigmoid(tf.matmul(hidden, head)), [-1]) for head in (ctr, cvr)])
            if kind == "wrong":
                answers += 0.5
            if kind == "uncompiled":
                answers += tf.cast(tf.strings.length(tf.strings.as_string(answers)), tf.float32)
            return answers

        given = tf.debugging.check_numerics(features, "a test's") if kind == "fragile" else features
        compiled = tf.function(layers, jit_compile=True, autograph=False)
        tf.identity(compiled(given, *slots), plan.answers[:-2])
        gone = v1.placeholder(tf.string, [], plan.forget.held[:-2])
        tf.raw_ops.DeleteSessionTensor(handle=gone, name=plan.forget.operation)
    data: bytes = graph.as_graph_def().SerializeToString()
    return data


def main() -> None:
    """Write the files."""
    folder = Path(__file__).parent
    folder.joinpath("fold.pb").write_bytes(fold())
    folder.joinpath("rest.pb").write_bytes(rest())
    folder.joinpath("program.json").write_text(json.dumps(program(), indent=1) + "\n")
    names = ("program.json", "fold.pb", "rest.pb")
    captured = capture(Program.from_files({name: folder.joinpath(name).read_bytes() for name in names}))
    for name, data in captured.files.items():
        folder.joinpath(name).write_bytes(data)
    plan = Plan.from_json(captured.files[PLAN])
    for kind in ("uncompiled", "wrong", "fragile"):
        folder.joinpath(GRAPH).with_suffix(f".{kind}.pb").write_bytes(variant(plan, kind))


if __name__ == "__main__":
    main()
