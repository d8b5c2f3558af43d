"""tf.Example with the stock stubs: the same answers as Predict gives, and what a wrong example is told."""

import numpy as np
import pytest
from tensorflow_serving.apis import get_model_metadata_pb2

from tests.serving.clients import USERS, Client, Recomputed, fails
from tests.serving.examples import (
    CLASSIFY,
    EXAMPLES,
    REGRESS,
    beside,
    classification,
    example,
    inference,
    listed,
    regression,
    selector,
)

VERSION = 3_000_000_003


@pytest.fixture
async def client(shared):
    async with Client(shared[0].port) as client:
        yield client


@pytest.fixture
def expected(shared):
    return Recomputed(shared[1]).of(VERSION)


def check_classes(result, probabilities):
    rows = [{each.label: each.score for each in row.classes} for row in result.classifications]
    assert [list(row) for row in rows] == [["0", "1"]] * len(probabilities)
    np.testing.assert_allclose([row["1"] for row in rows], probabilities, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose([row["0"] for row in rows], 1 - probabilities, rtol=1e-4, atol=1e-6)


def check_values(result, probabilities):
    np.testing.assert_allclose([each.value for each in result.regressions], probabilities, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("signature", "head"), [("", "ctr"), ("serving_default", "ctr"), ("cvr/classification", "cvr")]
)
async def test_classify(client, expected, signature, head):
    call = client.predictions.Classify(classification(signature=signature))
    response = await call
    check_classes(response.result, expected[head])
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("search", VERSION, f"{head}/classification")
    assert dict(await call.trailing_metadata())["tandem-version"] == "3.3"


@pytest.mark.parametrize(("signature", "head"), [("", "ctr"), ("cvr/regression", "cvr")])
async def test_regress(client, expected, signature, head):
    response = await client.predictions.Regress(regression(signature=signature))
    check_values(response.result, expected[head])
    assert response.model_spec.signature_name == f"{head}/regression"


async def test_several_heads_are_of_one_version(client, expected):
    asked = inference(("", CLASSIFY), ("cvr/regression", REGRESS), ("ctr/regression", REGRESS))
    first, second, third = (await client.predictions.MultiInference(asked)).results
    check_classes(first.classification_result, expected["ctr"])
    check_values(second.regression_result, expected["cvr"])
    check_values(third.regression_result, expected["ctr"])
    assert {each.model_spec.version.value for each in (first, second, third)} == {VERSION}


async def test_the_context_stands_in_every_example(client, expected):
    given = beside(
        [example(words=[b"shoe", "größe".encode(), b"green"], color=[b"blue"]), EXAMPLES[0]],
        example(user=[int(USERS[2])], numeric=[0.0, 0.0]),
    )
    check_values((await client.predictions.Regress(regression(given))).result, expected["ctr"][[2, 0]])


async def test_metadata_names_the_signatures(client):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=selector(), metadata_field=["signature_def"])
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert (await client.predictions.GetModelMetadata(asked)).metadata["signature_def"].Unpack(signatures)
    assert {name: each.method_name for name, each in signatures.signature_def.items()} == {
        "serving_default": "tensorflow/serving/predict",
        "ctr/classification": CLASSIFY,
        "ctr/regression": REGRESS,
        "cvr/classification": CLASSIFY,
        "cvr/regression": REGRESS,
    }


WRONG = [
    ("none", listed([]), "the request has no examples; send at least one"),
    ("missing", listed([EXAMPLES[0], example(user=[1])]), "example 1: feature 'words' is missing; add it to the"),
    ("type", beside([example(user=[1.0])], EXAMPLES[0]), "example 0: feature 'user' is a float_list; it must be"),
    ("length", beside([example(words=[b"red"])], EXAMPLES[0]), "example 0: feature 'words' has 1 values; it must be"),
    ("NaN", beside([example(numeric=[0.0, float("nan")])], EXAMPLES[0]), "example 0: feature 'numeric' has nan at 1"),
    ("many", listed(EXAMPLES * 3000), "the request has 9000 rows, at most 8192 are taken at once; split it"),
]


@pytest.mark.parametrize(("given", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
async def test_a_wrong_example_is_refused_with_its_number_the_feature_and_the_remedy(client, given, message):
    for call in (client.predictions.Classify(classification(given)), client.predictions.Regress(regression(given))):
        code, details = await fails(call)
        assert (code.name, details[: len(message)]) == ("INVALID_ARGUMENT", message)


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"name": "ads"}, "NOT_FOUND", "model 'ads' is not served here"),
        ({"signature": "ctr/regression"}, "INVALID_ARGUMENT", "signature_name 'ctr/regression' is unknown to Classify"),
        ({"version": {"value": 17}}, "NOT_FOUND", "version 17 (0.17) is not served here"),
    ],
)
async def test_what_is_not_here_is_said(client, fields, code, message):
    found, details = await fails(client.predictions.Classify(classification(**fields)))
    assert (found.name, details[: len(message)]) == (code, message)
