import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_serving.errors import BadRequest
from tandem_serving.rest_examples import read_examples, write_classes, write_values
from tensorflow_serving.apis import classification_pb2, regression_pb2

from tests.serving.lineage_writer import SPEC
from tests.serving.test_rest_tensors import JSON, ROW, body


def lists(example):
    """Name, kind and values of each feature."""
    return {
        name: (feature.WhichOneof("kind"), list(getattr(feature, feature.WhichOneof("kind")).value))
        for name, feature in example.features.feature.items()
    }


def test_values_become_the_lists_that_the_model_takes():
    read = read_examples(SPEC, body(examples=[ROW, {"user": [1]}], context={"numeric": 2, "more": 1.5, "empty": []}))
    both = read.given.example_list_with_context
    assert lists(both.examples[0]) == {
        "user": ("int64_list", [7]),
        "words": ("bytes_list", [b"red", b"", "größe".encode()]),
        "numeric": ("float_list", [0.5, 1.0]),
    }
    assert lists(both.examples[1]) == {"user": ("int64_list", [1])}
    assert lists(both.context) == {
        "numeric": ("float_list", [2.0]),
        "more": ("float_list", [1.5]),
        "empty": ("bytes_list", []),
    }


def test_examples_without_a_context_are_a_list():
    read = read_examples(SPEC, body(signature_name="cvr/regression", examples=[{"words": {"b64": "AP8="}}]))
    assert read.signature == "cvr/regression"
    assert lists(read.given.example_list.examples[0]) == {"words": ("bytes_list", [b"\x00\xff"])}


BAD = [
    ("not JSON", b"{", "the body is not JSON"),
    ("a list", b"[]", "the body must be a JSON object"),
    ("another field", body(examples=[ROW], instances=[]), "the body has 'instances'; it may have"),
    ("no examples", body(context=ROW), '"examples" must be a list'),
    ("no objects", body(examples=[1]), r"examples\[0\] must be an object"),
    ("context", body(examples=[ROW], context=[]), "context must be an object"),
    ("signature", body(examples=[ROW], signature_name=1), '"signature_name" must be a string'),
    ("mixed", body(examples=[ROW, {"words": ["a", 1]}]), r"examples\[1\]: feature 'words' must have strings"),
    ("truth", body(examples=[{"user": True}]), "feature 'user' must have strings, .* not True"),
    ("large", body(examples=[{"user": 2**63}]), "feature 'user': .*; send numbers that fit"),
    ("huge", body(examples=[{"numeric": [2**5000, 1]}]), "feature 'numeric': .*; send numbers that fit"),
    ("base64", body(examples=[{"words": {"b64": "*"}}]), r"feature 'words' has '\*', which is not base64"),
    ("NaN", b'{"examples": [{"numeric": NaN}]}', "the body has NaN"),
]


@pytest.mark.parametrize(("data", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_wrong_body_is_refused_with_the_remedy(data, message):
    with pytest.raises(BadRequest, match=message):
        read_examples(SPEC, data)


@settings(deadline=None)
@given(st.sampled_from(["examples", "context", "signature_name"]), JSON)
def test_no_body_does_more_than_be_refused(name, value):
    try:
        read = read_examples(SPEC, body(**{"examples": [ROW], name: value}))
    except BadRequest:
        return
    assert read.given.SerializeToString()


@settings(deadline=None)
@given(st.sampled_from(["user", "words", "numeric", "\ud800"]), JSON)
def test_no_value_does_more_than_be_refused(name, value):
    try:
        read = read_examples(SPEC, body(examples=[ROW | {name: value}]))
    except BadRequest:
        return
    assert len(read.given.example_list.examples) == 1


def test_answers_are_written_as_tensorflow_serving_writes_them():
    classes = classification_pb2.ClassificationResult()
    row = classes.classifications.add()
    row.classes.add(label="0", score=0.75)
    row.classes.add(label="1", score=0.25)
    assert json.loads(write_classes(classes)) == {"results": [[["0", 0.75], ["1", 0.25]]]}
    values = regression_pb2.RegressionResult(regressions=[{"value": 0.5}, {"value": 0.0}])
    assert json.loads(write_values(values)) == {"results": [0.5, 0.0]}
