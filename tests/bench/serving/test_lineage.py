"""What the bench writes is what a pod accepts."""

import numpy as np
import pytest
from tandem_wire.config import StoreConfig
from tandem_wire.lineage import rebuild
from tandem_wire.store import open_store
from tandem_wire.target import read_target

from bench.serving.lineage import Lineage, applied, changed_rows
from bench.serving.mixing import History
from bench.serving.model import rows, served_model, served_weights


@pytest.fixture
def store(tmp_path):
    return open_store(StoreConfig(f"file://{tmp_path}/store"))


def test_updates_may_use_their_objects_again(store):
    lineage = Lineage(store)
    values = rows(1, np.arange(40, dtype=np.int64))
    lineage.base(1, served_model(1), values)
    changes = [changed_rows(seed, 40, 5) for seed in (2, 3)]
    objects = [lineage.objects(f"kind-{i}", change) for i, change in enumerate(changes)]
    slots = [lineage.update(1, objects[kind]).slot for kind in (0, 1, 0)]
    state = rebuild(store, 1, slots[-1])
    np.testing.assert_array_equal(state.tables["ids"].values, applied(values, [changes[i] for i in (0, 1, 0)]))
    np.testing.assert_array_equal(state.weights["0/kernel"], served_weights(2)["0/kernel"])


def test_the_target_follows(store):
    lineage = Lineage(store)
    for base in (1, 2):
        lineage.serve(base)
        found = read_target(store)
        assert found is not None
        target = found[0]
        assert (target.stable, target.revision) == (base, base)


def test_history_goes_through_versions_and_to_the_next_base():
    base = rows(1, np.arange(100_000, dtype=np.int64))
    change = changed_rows(9, 100_000, 50)
    history = History(base, 1, {2: change})
    ids, numbers = change.keys[:26].reshape(1, 26), np.zeros((1, 13), np.float32)
    told = []
    for version in (1_000_000_000, 1_000_000_001, 1_000_000_002, 2_000_000_000):
        history.go_to(version)
        told.append(history.answers(ids, numbers).tolist())
    assert told[0] == told[1]  # slot 1 is the log's barrier
    assert len({str(each) for each in told}) == 3
