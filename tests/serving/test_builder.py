import numpy as np
import pytest
from tandem_serving.builder import load
from tandem_serving.errors import BadExport
from tandem_wire.errors import NotFound, Refused
from tandem_wire.lineage import rebuild
from tandem_wire.records import Kind
from tandem_wire.version import Version

from tests.serving.lineage_writer import MODEL_NAME, corrupt

SIZES = (1, 4)


def loaded(store, base=3):
    return load(store, base, MODEL_NAME, SIZES)[0]


def assert_is_rebuilt(snapshot, store):
    """I2: what is served is, bit for bit, what wire rebuilds from the store."""
    state = rebuild(store, snapshot.version.base, snapshot.version.update)
    assert state.tables.keys() == snapshot.tables.keys()
    for name, rows in state.tables.items():
        np.testing.assert_array_equal(rows.keys, snapshot.tables[name].keys)
        np.testing.assert_array_equal(rows.values, snapshot.tables[name].values)
    for spec, weight in zip(state.model.weights, snapshot.weights, strict=True):
        np.testing.assert_array_equal(state.weights[spec.name], weight)
    assert snapshot.watermark == state.watermark


def test_a_base_alone(store, writer):
    writer.base(3)
    snapshot = loaded(store).snapshot
    assert snapshot.version == Version(3, 0)
    assert_is_rebuilt(snapshot, store)


def test_a_new_pod_is_caught_up_when_it_is_loaded(store, writer):
    writer.base(3)
    for _ in range(3):
        writer.update(3)
    writer.keyframe(3)
    last = writer.update(3)
    snapshot = loaded(store).snapshot
    assert snapshot.version == Version(3, last.slot)
    assert_is_rebuilt(snapshot, store)


def test_updates_apply_in_order_one_poll_for_many(store, writer):
    writer.base(3)
    line = loaded(store)
    first = line.snapshot
    writer.update(3)
    last = writer.update(3)
    advance = line.advance()
    assert (advance.applied, advance.refused) == (2, ())
    assert advance.snapshot.version == Version(3, last.slot)
    assert_is_rebuilt(advance.snapshot, store)
    assert_is_rebuilt(first, store)
    assert advance.snapshot.tables["users"] is first.tables["users"]


def test_nothing_new_makes_no_version(store, writer):
    writer.base(3)
    line = loaded(store)
    assert line.advance().snapshot is None


def test_a_corrupt_update_is_refused_once_and_healed_by_a_keyframe(store, writer):
    writer.base(3)
    good = writer.update(3)
    line = loaded(store)
    bad = writer.update(3, spoiled=True)
    writer.update(3)
    advance = line.advance()
    assert advance.snapshot is None
    assert [each.record for each in advance.refused] == [f"updates/3/{bad.slot}"]
    assert "digest" in advance.refused[0].reason
    assert line.advance().refused == ()
    assert line.snapshot.version == Version(3, good.slot)
    healed = writer.keyframe(3, voids=bad.slot)
    snapshot = line.advance().snapshot
    assert snapshot.version == Version(3, healed.slot)
    assert_is_rebuilt(snapshot, store)


def test_a_whole_update_that_gives_no_finite_answers_is_refused_until_a_keyframe(store, writer):
    writer.base(3)
    good = writer.update(3)
    line = loaded(store)
    bad = writer.update(3, {"norm/variance": np.full(6, -1, np.float32)})
    writer.update(3)
    advance = line.advance()
    assert advance.snapshot is None
    assert [each.record for each in advance.refused] == [f"updates/3/{bad.slot}"]
    assert f"3.{good.slot} stays" in advance.refused[0].reason
    writer.update(3)
    assert line.advance().snapshot is None
    keyframe = writer.keyframe(3)
    after = writer.update(3)
    snapshot = line.advance().snapshot
    assert keyframe.slot < after.slot
    assert snapshot.version == Version(3, after.slot)
    assert_is_rebuilt(snapshot, store)


def test_an_update_of_another_base_is_refused(store, writer):
    writer.base(3)
    foreign = writer.base(4)
    line = loaded(store)
    writer._bases[3] = foreign
    record = writer.append(3, Kind.UPDATE, {f"weights/{name}": weight for name, weight in writer.weights().items()})
    advance = line.advance()
    assert advance.snapshot is None
    assert [each.record for each in advance.refused] == [record.called]
    assert "another base" in advance.refused[0].reason


def test_a_base_that_is_not_durable(store, writer):
    writer.base(3)
    with pytest.raises(NotFound):
        loaded(store, 4)


def test_a_corrupt_base_is_refused(store, writer):
    corrupt(store, writer.base(3))
    with pytest.raises(Refused, match="checkpoints/3"):
        loaded(store)


@pytest.mark.parametrize(
    ("graph", "weights", "message"),
    [
        (b"\xff", {}, "is no GraphDef"),
        (b"", {}, "can't be loaded as model.json describes it"),
        (None, {"norm/variance": np.full(6, -1, np.float32)}, "not finite"),
    ],
)
def test_an_export_that_does_not_run_is_refused(store, writer, graph, weights, message):
    writer.base(3, graph=graph, weights=weights)
    with pytest.raises(BadExport, match=message):
        loaded(store)
