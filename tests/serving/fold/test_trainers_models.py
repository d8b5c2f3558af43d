"""What this project's own trainer exports folds to a chain."""

import numpy as np
import pytest
from tandem_training.exports import dense_graph, model_spec
from tandem_training.models.ctr_cvr import build

from tests.serving.fold import running
from tests.serving.fold.test_building import check

CONFIGS = [
    ("as it comes", {}, 13),
    ("towers alone", {"wide": False, "hidden": [16, 8]}, 7),
    ("shared layers", {"wide": False, "sharedHidden": [16], "hidden": [8]}, 6),
    ("without batch norm", {"wide": False, "batchNorm": False, "hidden": [16]}, 5),
]


@pytest.mark.parametrize(("config", "steps"), [row[1:] for row in CONFIGS], ids=[row[0] for row in CONFIGS])
def test_the_default_model(config, steps):
    model = build(config, ["ctr", "cvr"])
    spec = model_spec(model, "search", ["user_id"])
    random = np.random.default_rng(0)
    weights = [
        (random.uniform(0.5, 1.5, w.shape) if w.name.endswith("variance") else random.normal(0, 0.3, w.shape))
        for w in spec.weights
    ]
    exported = running.Exported(spec, dense_graph(model, spec), [w.astype(np.float32) for w in weights])
    program = check(exported)
    assert program.chain is not None, program.no_chain_because
    assert len(program.chain) == steps
