"""A captured graph answers as the graph that it was made from, on XLA for CPUs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tandem_serving.fold import fold
from tandem_serving.fold.building import unfolded
from tandem_serving.graph.capture import capture
from tandem_serving.graph.exclusion import BY_NAME

from bench.serving.model import served_model
from tests.serving.fold.running import export
from tests.serving.graph.running import Captured, rest, slots_of


def two_layers(features, weight):
    x = tf.concat([features["a"], features["b"]], 1)
    x = tf.nn.relu(tf.matmul(x, weight(5, 6)) + weight(6))
    x = tf.nn.batch_normalization(x, weight(6), weight(6, kind="variance"), weight(6), weight(6), 1e-3)
    logit = tf.matmul(tf.tanh(x), weight(6, 1))
    return {"ctr": tf.squeeze(tf.sigmoid(logit), 1), "cvr": tf.reshape(tf.nn.elu(logit), [-1, 1])}


def strings_before(features, weight):
    shown = tf.strings.as_string(tf.floor(features["b"] * 3), name="shown")
    hashed = tf.cast(tf.strings.to_hash_bucket_fast(shown, 7, name="hashed"), tf.float32)
    x = tf.concat([features["a"], hashed / 7], 1)
    return {"ctr": tf.squeeze(tf.sigmoid(tf.matmul(tf.nn.relu(tf.matmul(x, weight(5, 6))), weight(6, 1))), 1)}


def strings_between(features, weight):
    x = tf.nn.relu(tf.matmul(features["a"], weight(2, 4)))
    shown = tf.strings.as_string(tf.round(x), name="shown")
    y = tf.matmul(tf.strings.to_number(shown, name="read"), weight(4, 3)) + tf.matmul(x, weight(4, 3))
    return {"ctr": tf.squeeze(tf.sigmoid(tf.matmul(y, weight(3, 1))), 1)}


def strings_behind(features, weight):
    x = tf.squeeze(tf.sigmoid(tf.matmul(features["a"], weight(2, 1))), 1)
    return {"ctr": tf.strings.to_number(tf.strings.as_string(x, precision=7)), "cvr": x}


def check(program, exported, rows=9, **settings):
    """Compare at several batch sizes and two versions; return the report."""
    captured = capture(program, **settings)
    graph = Captured(captured)
    versions = [exported.weights, [np.abs(weight) + 0.1 for weight in exported.weights]]
    kept = [graph.keep(slots_of(program, weights)) for weights in versions]
    random = np.random.default_rng(1)
    try:
        for batch in (1, rows, 1):
            features = [random.normal(size=(batch, f.width)).astype(np.float32) for f in program.features]
            for weights, handles in zip(versions, kept, strict=True):
                expected = rest(program, slots_of(program, weights), features)
                for answer, right in zip(graph.run(handles, features), expected, strict=True):
                    np.testing.assert_allclose(answer, right, rtol=1e-5, atol=1e-5)
        graph.forget(kept[0])
        graph.run(kept[1], features)
        with pytest.raises(tf.errors.InvalidArgumentError, match="is not in the session store"):
            graph.run(kept[0], features)
    finally:
        graph.close()
    return captured.report


@pytest.mark.parametrize(
    ("build", "parts", "outside"),
    [
        pytest.param(two_layers, 1, [], id="all of it"),
        pytest.param(strings_before, 1, ["AsString", "StringToHashBucketFast"], id="strings before"),
        pytest.param(strings_between, 2, ["AsString", "StringToNumber"], id="strings between"),
        pytest.param(strings_behind, 1, ["AsString", "StringToNumber"], id="strings behind"),
    ],
)
@pytest.mark.parametrize("folded", [True, False])
def test_it_answers_as_the_graph_does(build, parts, outside, folded):
    exported = export({"a": 2, "b": 3}, build)
    program = fold(exported.spec, exported.graph) if folded else unfolded(exported.spec, exported.graph, "a test")
    report = check(program, exported)
    assert len(report.parts) >= parts
    assert {op for _, op, why in report.outside if why == "works on strings"} == set(outside)
    assert not report.why_not


def test_the_benchmarks_model_is_one_part():
    model = served_model(1)
    report = check(fold(model.spec, model.graph), type("E", (), {"weights": list(model.weights.values())}), rows=64)
    assert [dict(part)["MatMul"] for part in report.parts] == [5]
    assert (report.outside, report.unmatched, report.inside) == ((), (), 18)


def test_a_user_keeps_an_operation_outside():
    exported = export({"a": 2, "b": 3}, two_layers)
    report = check(fold(exported.spec, exported.graph), exported, exclude=["Tanh", "gone"])
    assert [(op, why) for _, op, why in report.outside] == [("Tanh", BY_NAME)]
    assert len(report.parts) == 2
    assert report.sentences()[-1].startswith("serving.gpu.cudaGraph.exclude names gone, which this graph does not have")


def test_a_split_beyond_the_limit_is_said_and_nothing_is_written():
    exported = export({"a": 2, "b": 3}, strings_between)
    found = capture(fold(exported.spec, exported.graph), most_parts=1)
    assert not found.files
    assert (
        "split the graph into 2 parts, 1 are allowed: read (StringToNumber, works on strings)" in found.report.why_not
    )


def test_functions_are_called_from_within_a_part():
    def build(features, weight):
        @tf.function(autograph=False)
        def layer(x, kernel):
            return tf.nn.relu(tf.matmul(x, kernel))

        return {"ctr": tf.squeeze(tf.matmul(layer(features["a"], weight(2, 4)), weight(4, 1)), 1)}

    exported = export({"a": 2, "b": 3}, build)
    report = check(unfolded(exported.spec, exported.graph, "a test"), exported)
    assert len(report.parts) == 1


COUNTED = """
import numpy as np
from bench.serving.model import served_model
from tandem_serving.fold import fold
from tandem_serving.graph.capture import capture
from tests.serving.graph.running import Captured, slots_of
model = served_model(1)
program = fold(model.spec, model.graph)
graph = Captured(capture(program))
for version in range(4):
    weights = [weight + np.float32(version / 100) for weight in model.weights.values()]
    handles = graph.keep(slots_of(program, weights))
    for rows in (8, 1, 3, 8):
        graph.run(handles, [np.ones((rows, f.width), np.float32) for f in program.features])
    graph.forget(handles)
"""


def test_an_update_needs_no_new_compilation(tmp_path):
    """Four versions at three batch sizes: XLA compiles three programs, and writes each down."""
    root = Path(__file__).parents[3]
    told = os.environ | {"XLA_FLAGS": f"--xla_dump_to={tmp_path}", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([sys.executable, "-c", COUNTED], cwd=root, env=told, check=True, timeout=240)
    compiled = {file.name.split(".")[0] for file in tmp_path.iterdir() if file.name.startswith("module_")}
    assert len(compiled) == 3, sorted(file.name for file in tmp_path.iterdir())
