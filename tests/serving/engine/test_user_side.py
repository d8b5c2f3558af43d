"""A user's row, sent once, answers as the same row sent with every candidate."""

import numpy as np
import pytest
from tandem_wire.lineage import rebuild

from tests.serving.clients import NUMERIC, USERS, WORDS, Client, fails, request
from tests.serving.lineage_writer import answers


def outputs(response):
    return {name: tensor.tensor_content for name, tensor in response.outputs.items()}


@pytest.mark.parametrize("form", [USERS[2:], USERS[2:, None]], ids=["(1,)", "(1, 1)"])
async def test_a_users_row_stands_for_all_candidates(shared, form):
    engine, store = shared
    repeated = np.full(3, USERS[2])
    async with Client(engine.port) as client:
        once = await client.predictions.Predict(request(user=form))
        each = await client.predictions.Predict(request(user=repeated))
    assert outputs(once) == outputs(each)
    for name, expected in answers(rebuild(store, 3, 3), repeated, WORDS, NUMERIC).items():
        got = np.frombuffer(once.outputs[name].tensor_content, np.float32)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


async def test_an_items_row_stands_for_itself(shared):
    async with Client(shared[0].port) as client:
        _, why = await fails(client.predictions.Predict(request(numeric=NUMERIC[:1])))
    assert "'words' has 3 rows, but 'numeric' has 1; all inputs must have as many" in why
