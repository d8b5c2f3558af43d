import base64
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_serving.errors import BadRequest
from tandem_serving.rest_tensors import read, write
from tandem_wire.model import ModelSpec

from tests.serving.lineage_writer import SPEC

ROW = {"user": 7, "words": ["red", "", "größe"], "numeric": [0.5, 1]}
COLUMNS = {"user": [7], "words": [["red", "", "größe"]], "numeric": [[0.5, 1]]}
ONE = ModelSpec.from_value(
    SPEC.to_value()
    | {
        "inputs": [SPEC.inputs[0].to_value()],
        "dense": SPEC.dense.to_value() | {"features": ["user"], "feature_inputs": ["feature_0:0"]},
    }
)


def body(**parts):
    return json.dumps(parts).encode()


@pytest.mark.parametrize("data", [body(instances=[ROW]), body(inputs=COLUMNS), body(inputs=COLUMNS, signature_name="")])
def test_both_forms_say_the_same(data):
    inputs = read(SPEC, data, 100).inputs
    assert inputs["user"].tolist() == [[7]]
    assert inputs["user"].dtype == np.int64
    assert inputs["words"].tolist() == [[b"red", b"", "größe".encode()]]
    assert inputs["numeric"].tolist() == [[0.5, 1.0]]
    assert inputs["numeric"].dtype == np.float32


def test_bytes_come_as_base64():
    raw = bytes(range(256))
    row = ROW | {"words": [{"b64": base64.b64encode(raw).decode()}, "", ""]}
    assert read(SPEC, body(instances=[row]), 100).inputs["words"][0, 0] == raw


@pytest.mark.parametrize("data", [body(instances=[1, 2]), body(inputs=[1, 2]), body(instances=[{"user": 1}, 2])])
def test_a_single_input_needs_no_name(data):
    assert read(ONE, data, 100).inputs["user"].tolist() == [[1], [2]]


BESIDE = ModelSpec.from_value(
    SPEC.to_value()
    | {"inputs": [i.to_value() | {"side": "item" if i.name == "numeric" else "user"} for i in SPEC.inputs]}
)


def test_one_row_of_the_users_side_stands_beside_many():
    inputs = read(BESIDE, body(inputs=COLUMNS | {"numeric": [[0.5, 1], [2, 3], [4, 5]]}), 3).inputs
    assert [len(inputs[name]) for name in ("user", "words", "numeric")] == [1, 1, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"user": [7, 8]},
            "'user' has 2 rows, but 'numeric' has 1; all inputs must have as many, or one if of the user's side",
        ),
        (
            {"user": [7, 8], "numeric": [[0, 1]] * 3},
            "'user' has 2 rows, but 'numeric' has 3; all inputs must have as many, or one if of the user's side",
        ),
        (
            {"words": [["", "", ""]] * 2, "numeric": [[0, 1]] * 3},
            "'words' has 2 rows, but 'numeric' has 3; all inputs must have as many, or one if of the user's side",
        ),
        ({"numeric": [[0, 1]] * 4}, "the request has 4 rows, at most 3"),
    ],
)
def test_one_row_stands_for_many_on_the_users_side_only(changes, message):
    with pytest.raises(BadRequest, match=message):
        read(BESIDE, body(inputs=COLUMNS | changes), 3)


def row(**changes):
    return body(instances=[ROW, ROW | changes])


BAD = [
    ("not JSON", b"{", "the body is not JSON"),
    ("not UTF-8", b'{"instances": "\xff"}', "the body is not JSON"),
    ("deep", b"[" * 100_000, "the body is not JSON"),
    ("a list", b"[]", "the body must be a JSON object"),
    ("neither", b"{}", 'either "instances"'),
    ("both", body(instances=[ROW], inputs=COLUMNS), 'either "instances"'),
    ("another field", body(instances=[ROW], model="x"), "the body has 'model'"),
    ("signature", body(instances=[ROW], signature_name="x"), "signature_name 'x' is unknown"),
    ("signature's type", body(instances=[ROW], signature_name=1), "must be a string"),
    ("no rows", body(instances=[]), "at least one row"),
    ("rows no list", body(instances=ROW), "must be a list"),
    ("row without names", body(instances=[[1]]), r"instances\[0\] must be an object"),
    ("columns without names", body(inputs=[1]), "must be an object from input name"),
    ("missing", body(instances=[{"user": 1}]), r"instances\[0\]: input 'words', 'numeric' is missing"),
    ("unknown", row(color=1), r"instances\[1\]: input 'color' is unknown"),
    ("text for id", row(user="7"), "'user' must have integers that fit into 64 bits, not strings"),
    ("fraction for id", row(user=7.5), "'user' must have integers that fit into 64 bits, not fractions"),
    ("truth for id", body(inputs=COLUMNS | {"user": [True]}), "not true or false"),
    ("large id", row(user=2**63), "'user' must have integers that fit into 64 bits"),
    ("huge id", row(user=2**70), "'user' must have integers that fit into 64 bits"),
    ("number for text", row(words=["a", "b", 3]), "'words' must have strings"),
    ("not base64", row(words=["a", "b", {"b64": "*"}]), r"'words' has '\*', which is not base64"),
    ("base64 of other letters", row(words=["a", "b", {"b64": "ß"}]), "is not base64"),
    ("text for number", row(numeric=["1", "2"]), "'numeric' must have numbers, not strings"),
    ("null", row(numeric=[None, 1]), "'numeric' must have numbers"),
    ("ragged", row(numeric=[1]), "'numeric': rows have different lengths; every row must have 2 values"),
    ("ragged text", row(words=["a"]), "'words': rows have different lengths; every row must have 3 values"),
    ("ragged but as many", body(inputs=COLUMNS | {"words": [["a"], ["b", "c"]]}), "'words'"),
    ("nested text", row(words=["a", ["b"], "c"]), "'words': rows have different lengths"),
    ("NaN", b'{"instances": [{"user": 1, "words": ["", "", ""], "numeric": [NaN, 1]}]}', "the body has NaN"),
    ("beyond float32", row(numeric=[1e300, 1]), "'numeric' has inf in row 1, column 0"),
    ("too many", body(instances=[ROW] * 3), "at most 2"),
]


@pytest.mark.parametrize(("data", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_wrong_body_is_refused_with_the_remedy(data, message):
    with pytest.raises(BadRequest, match=message):
        read(SPEC, data, 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["b64", "user", "x"]), inner, max_size=2)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.sampled_from(["user", "words", "numeric"]), JSON)
def test_no_value_does_more_than_be_refused(name, value):
    try:
        inputs = read(SPEC, body(instances=[ROW | {name: value}]), 10).inputs
    except BadRequest:
        return
    assert all(array.shape == (1, spec.length) for spec, array in zip(SPEC.inputs, inputs.values(), strict=True))


OUTPUTS = {"ctr": np.array([0.5, 0.25], np.float32), "cvr": np.array([1, 0], np.float32)}


@pytest.mark.parametrize(
    ("outputs", "by_row", "expected"),
    [
        (OUTPUTS, True, {"predictions": [{"ctr": 0.5, "cvr": 1.0}, {"ctr": 0.25, "cvr": 0.0}]}),
        (OUTPUTS, False, {"outputs": {"ctr": [0.5, 0.25], "cvr": [1.0, 0.0]}}),
        ({"ctr": OUTPUTS["ctr"]}, True, {"predictions": [0.5, 0.25]}),
        ({"ctr": OUTPUTS["ctr"]}, False, {"outputs": [0.5, 0.25]}),
    ],
)
def test_answers_take_the_form_of_the_request(outputs, by_row, expected):
    assert json.loads(write(outputs, by_row=by_row)) == expected
