import io
import json

import aiohttp
import numpy as np
import pytest

from tests.serving.clients import NUMERIC, USERS, WORDS, Recomputed

ROWS = [
    {"user": int(user), "words": [word.decode() for word in words], "numeric": [float(x) for x in numeric]}
    for user, words, numeric in zip(USERS, WORDS, NUMERIC, strict=True)
]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
PREDICT = "/v1/models/search:predict"


@pytest.fixture
async def http(server):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.ports['rest']}") as session:
        yield session


async def got(response):
    async with response as answer:
        return answer.status, json.loads(await answer.read())


async def test_rows(http, store):
    async with http.post(PREDICT, json={"instances": ROWS}) as answer:
        body = await answer.json()
        assert (answer.headers["tandem-version"], answer.headers["model-version"]) == ("3.3", "3000000003")
    expected = Recomputed(store).of(3_000_000_003)
    for name, values in expected.items():
        np.testing.assert_allclose([row[name] for row in body["predictions"]], values, rtol=1e-4, atol=1e-6)


async def test_columns(http, store):
    status, body = await got(http.post("/v1/models/search/versions/3000000003:predict", json={"inputs": COLUMNS}))
    assert status == 200
    for name, values in Recomputed(store).of(3_000_000_003).items():
        np.testing.assert_allclose(body["outputs"][name], values, rtol=1e-4, atol=1e-6)


async def test_a_body_needs_no_content_type(http):
    assert (await got(http.post(PREDICT, data=json.dumps({"instances": ROWS}).encode())))[0] == 200


async def test_examples_are_classified(http, store):
    body = {"signature_name": "cvr/classification", "context": {"user": 7, "color": "blue"}, "examples": ROWS}
    async with http.post("/v1/models/search/labels/stable:classify", json=body) as answer:
        results = (await answer.json())["results"]
        assert (answer.status, answer.headers["tandem-version"]) == (200, "3.3")
    assert [[label for label, _ in row] for row in results] == [["0", "1"]] * 3
    expected = Recomputed(store).of(3_000_000_003)["cvr"]
    np.testing.assert_allclose(
        [[score for _, score in row] for row in results], np.stack([1 - expected, expected], 1), rtol=1e-4
    )


async def test_examples_are_regressed(http, store):
    path = "/v1/models/search/versions/3000000003:regress"
    context = {"user": ROWS[0]["user"], "numeric": ROWS[0]["numeric"]}
    status, body = await got(http.post(path, json={"context": context, "examples": [{"words": ROWS[0]["words"]}]}))
    assert status == 200
    np.testing.assert_allclose(body["results"], Recomputed(store).of(3_000_000_003)["ctr"][:1], rtol=1e-4)


@pytest.mark.parametrize("path", ["", "/versions/3000000003", "/labels/stable"])
async def test_status(http, path):
    assert await got(http.get("/v1/models/search" + path)) == (
        200,
        {
            "model_version_status": [
                {"version": "3000000003", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
            ]
        },
    )


async def test_metadata(http):
    status, body = await got(http.get("/v1/models/search/metadata"))
    assert status == 200
    assert body["model_spec"] == {"name": "search", "signature_name": "serving_default", "version": "3000000003"}
    inputs = body["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
    assert inputs["words"]["dtype"] == "DT_STRING"
    assert inputs["words"]["tensor_shape"]["dim"] == [{"size": "-1"}, {"size": "3"}]


@pytest.mark.parametrize(
    ("asked", "body", "status", "message"),
    [
        ("POST " + PREDICT, b"{", 400, "the body is not JSON"),
        ("POST " + PREDICT, b'{"instances": [{}]}', 400, "instances[0]: input 'user', 'words', 'numeric' is missing"),
        ("POST /v1/models/search:classify", b'{"examples": []}', 400, '"examples" must be a list with at least one'),
        ("POST /v1/models/search:regress", b'{"examples": [{}]}', 400, "example 0: feature 'user' is missing; add it"),
        ("POST /v1/models/ads:classify", b"{}", 404, "model 'ads' is not served here; this server has 'search'"),
        ("POST /v1/models/ads:predict", b"{}", 404, "model 'ads' is not served here; this server has 'search'"),
        ("POST /v1/models/search/versions/9:predict", b"{}", 404, "version 9 (0.9) is not served here"),
        ("POST /v1/models/search/labels/old:predict", b"{}", 404, "version label 'old' is not served here; these are:"),
        ("GET /v1/models/ads", None, 404, "model 'ads' is not served here"),
        ("GET /v1/models/search/versions/9", None, 404, "version 9 is not here"),
        ("GET /v1/models/search/labels/candidate", None, 404, "version label 'candidate' is not served here; these"),
        ("GET " + PREDICT, None, 404, "GET /v1/models/search:predict is unknown; there are POST"),
        ("GET /", None, 404, "GET / is unknown"),
    ],
)
async def test_a_wrong_request_gets_a_status_and_the_remedy(server, asked, body, status, message):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.ports['rest']}") as http:
        found, answer = await got(http.request(*asked.split(), data=body))
    assert (found, answer["error"][: len(message)]) == (status, message)
    assert server.counts == (0, 0)


async def test_a_large_body_is_refused(http):
    status, answer = await got(http.post(PREDICT, data=io.BytesIO(b" " * (16 * 1024 * 1024 + 1))))
    assert (status, answer["error"]) == (413, "the body is larger than 16777216 bytes; split it")


async def test_what_would_only_wait_is_shed(http, server):
    server.rest._in_flight = 64
    status, answer = await got(http.post(PREDICT, json={"instances": ROWS}))
    assert (status, answer["error"]) == (429, "64 requests are being answered already; try another replica")
    assert server.counts == (0, 1)
    server.rest._in_flight = 0


async def test_what_nobody_foresaw_is_said_without_its_inside(http, monkeypatch):
    def fails(*_):
        raise KeyError("secret")

    monkeypatch.setattr("tandem_serving.rest_front.read", fails)
    status, answer = await got(http.post(PREDICT, json={"instances": ROWS}))
    assert status == 500
    assert "KeyError" in answer["error"]
    assert "secret" not in answer["error"]
