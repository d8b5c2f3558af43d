import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tandem_serving.builder import load
from tandem_serving.snapshot import sample_inputs
from tandem_wire.lineage import rebuild

from tests.serving.lineage_writer import MODEL_NAME, WORDS, answers

USERS = st.integers(-30, 30) | st.sampled_from([-(2**63), 2**63 - 1])
ROWS = st.tuples(
    USERS,
    st.lists(st.sampled_from([*WORDS, b"", b"never seen"]), min_size=3, max_size=3),
    st.tuples(st.floats(-5, 5, width=32), st.floats(-5, 5, width=32)),
)


@pytest.fixture
def snapshot(store, writer):
    writer.base(3)
    writer.update(3)
    return load(store, 3, MODEL_NAME, (1, 4, 16))[0].snapshot


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=20))
def test_answers_are_those_of_the_rebuilt_version(snapshot, store, rows):
    users, words, numeric = (list(column) for column in zip(*rows, strict=True))
    inputs = {
        "user": np.array(users, np.int64)[:, None],
        "words": np.array(words, dtype=object).reshape(len(rows), 3),
        "numeric": np.array(numeric, np.float32),
    }
    expected = answers(rebuild(store, 3, snapshot.version.update), np.array(users), words, inputs["numeric"])
    for name, output in snapshot.answer(inputs).items():
        np.testing.assert_allclose(output, expected[name], rtol=1e-3, atol=1e-5)


def test_samples_read_real_rows(snapshot):
    inputs = sample_inputs(snapshot, 60)
    assert set(inputs["user"].ravel()) == set(snapshot.tables["users"].keys)
    assert {name: array.shape for name, array in inputs.items()} == {
        "user": (60, 1),
        "words": (60, 3),
        "numeric": (60, 2),
    }
