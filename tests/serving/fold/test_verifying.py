import dataclasses

import numpy as np
import pytest
from tandem_serving.errors import BadExport
from tandem_serving.fold import Program, fold, folded
from tandem_serving.fold.verifying import difference

from tests.serving.fold import running
from tests.serving.fold.test_building import head, norm_first


@pytest.fixture(scope="module")
def exported():
    return running.export({"a": 4, "b": 3}, norm_first)


def test_a_program_that_answers_the_same_is_taken(exported):
    features = running.batch(exported.spec, 9)
    assert folded(exported.spec, exported.graph, exported.weights, features) == fold(exported.spec, exported.graph)


def test_slots_in_another_order_are_noticed(exported):
    program, features = fold(exported.spec, exported.graph), running.batch(exported.spec, 9)
    tensors = list(program.rest.slots)
    for i, slot in enumerate(program.slots):
        twin = next((j for j, other in enumerate(program.slots) if other.shape == slot.shape and j != i), None)
        if twin is not None:
            tensors[i], tensors[twin] = tensors[twin], tensors[i]
            wrong = dataclasses.replace(program, rest=dataclasses.replace(program.rest, slots=tuple(tensors)))
            assert difference(wrong, exported.spec, exported.graph, exported.weights, features) > 1e-3, slot
            tensors[i], tensors[twin] = tensors[twin], tensors[i]


def test_a_centred_feature_of_a_million_is_not_folded():
    def build(f, weight):
        return {"ctr": head((f["a"] - 1e6) * 2.0, weight)}

    exported = running.export({"a": 4}, build)
    program = folded(exported.spec, exported.graph, exported.weights, [running.batch(exported.spec, 50)[0] + 1e6])
    assert (program.fold, program.chain) == (None, None)
    assert "away from the export; 1e-05 is allowed" in program.no_chain_because
    assert program.graphs["rest.pb"] == exported.graph
    assert Program.from_files(program.files()) == program


def test_no_number_at_the_same_places_is_the_same(exported):
    weights = [np.full_like(weight, np.nan) for weight in exported.weights]
    program, features = fold(exported.spec, exported.graph), running.batch(exported.spec, 3)
    assert difference(program, exported.spec, exported.graph, weights, features) == 0.0


def test_a_graph_that_does_not_run_is_a_bad_export(exported):
    features = [np.zeros((3, 5), np.float32)] * 2
    with pytest.raises(BadExport, match="the dense graph does not run as"):
        folded(exported.spec, exported.graph, exported.weights, features)
