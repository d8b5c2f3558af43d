import errno
import os
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tandem_serving.cache import Cache, CacheOptions
from tandem_serving.engine import Engine, EngineOptions
from tandem_serving.errors import BadExport, NoRoom
from tandem_serving.handover import Handover
from tandem_serving.line import Advance, Origin, load
from tandem_wire.errors import NotFound, Refused
from tandem_wire.lineage import rebuild
from tandem_wire.records import Kind
from tandem_wire.report import GraphReport, GraphState
from tandem_wire.version import Version
from tensorflow import make_ndarray
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.serving.clients import Recomputed, request
from tests.serving.fragile_store import FragileStore
from tests.serving.lineage_writer import MODEL_NAME, WORDS, answers, corrupt

SIZES = (1, 4)


@pytest.fixture
def engine(engine_program):  # noqa: ARG001 - it sets where the program is
    engine = Engine(EngineOptions(model="search", port=0, batch_sizes=SIZES))
    yield engine
    engine.close()


@pytest.fixture
def origin(store, tmp_path):
    return Origin(store, Cache(CacheOptions(tmp_path / "cache")), MODEL_NAME)


@pytest.fixture
def loaded(engine, origin):
    return lambda base=3: load(engine, origin, base)[0]


@pytest.fixture
def ask(engine, store):
    """Publish what a line has, and check an answer against what wire rebuilds (I2)."""
    with grpc.insecure_channel(engine.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def ask(line, **changes):
            engine.publish(line.version)
            response = stub.Predict(request(**changes))
            if not changes:
                assert Recomputed(store).check(response) == line.version
                assert line.watermark == rebuild(store, line.version.base, line.version.update).watermark
            return response

        yield ask


def test_a_base_alone(loaded, writer, ask):
    writer.base(3)
    line = loaded()
    assert line.version == Version(3, 0)
    assert [choice.rows for choice in line.choices] == list(SIZES)
    assert all(choice.engine in choice.microseconds for choice in line.choices)
    ask(line)


def test_a_new_pod_is_caught_up_when_it_is_loaded(loaded, writer, ask):
    writer.base(3)
    for _ in range(3):
        writer.update(3)
    writer.keyframe(3)
    last = writer.update(3)
    line = loaded()
    assert line.version == Version(3, last.slot)
    ask(line)


def test_updates_apply_in_order_one_poll_for_many(loaded, writer, ask):
    writer.base(3)
    line = loaded()
    ask(line)
    writer.update(3)
    last = writer.update(3)
    advance = line.advance()
    assert (advance.applied, advance.refused) == (2, ())
    assert line.version == Version(3, last.slot)
    ask(line)


def test_nothing_new_makes_no_version(loaded, writer):
    writer.base(3)
    line = loaded()
    assert line.advance().applied == 0
    assert line.version == Version(3, 0)


def test_an_update_that_finds_no_room_is_named_once_and_tried_again_before_what_follows(
    loaded, writer, ask, monkeypatch
):
    writer.base(3)
    line = loaded()
    first, last = writer.update(3), writer.update(3)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Handover, "add", full)
        advance = line.advance()
        assert advance.applied == 0
        assert [each.record for each in advance.refused] == [f"updates/3/{first.slot}"]
        assert "No space left on device" in advance.refused[0].reason
        writer.update(3)
        assert line.advance() == Advance()
        assert line.version == Version(3, 0)
    assert line.advance() == Advance(2)
    assert line.version == Version(3, last.slot)
    ask(line)
    assert line.advance() == Advance(1)
    ask(line)


def test_a_corrupt_update_is_refused_once_and_healed_by_a_keyframe(loaded, writer, ask):
    writer.base(3)
    good = writer.update(3)
    line = loaded()
    bad = writer.update(3, spoiled=True)
    writer.update(3)
    advance = line.advance()
    assert advance.applied == 0
    assert [each.record for each in advance.refused] == [f"updates/3/{bad.slot}"]
    assert "digest" in advance.refused[0].reason
    assert line.advance().refused == ()
    assert line.version == Version(3, good.slot)
    healed = writer.keyframe(3, voids=bad.slot)
    line.advance()
    assert line.version == Version(3, healed.slot)
    ask(line)


def test_a_whole_update_that_gives_no_finite_answers_is_refused_until_a_keyframe(loaded, writer, ask):
    writer.base(3)
    good = writer.update(3)
    line = loaded()
    bad = writer.update(3, {"norm/variance": np.full(6, -1, np.float32)})
    writer.update(3)
    advance = line.advance()
    assert advance.applied == 0
    assert [each.record for each in advance.refused] == [f"updates/3/{bad.slot}"]
    assert f"3.{good.slot} stays" in advance.refused[0].reason
    ask(line)
    writer.update(3)
    assert line.advance().applied == 0
    keyframe = writer.keyframe(3)
    after = writer.update(3)
    line.advance()
    assert keyframe.slot < after.slot
    assert line.version == Version(3, after.slot)
    ask(line)


def test_an_update_of_another_base_is_refused(loaded, writer):
    writer.base(3)
    foreign = writer.base(4)
    line = loaded()
    writer._bases[3] = foreign
    record = writer.append(3, Kind.UPDATE, {f"weights/{name}": weight for name, weight in writer.weights().items()})
    advance = line.advance()
    assert advance.applied == 0
    assert [each.record for each in advance.refused] == [record.called]
    assert "another base" in advance.refused[0].reason


def test_a_base_that_is_not_durable(loaded, writer):
    writer.base(3)
    with pytest.raises(NotFound):
        loaded(4)


def test_a_corrupt_base_is_refused(loaded, store, writer):
    corrupt(store, writer.base(3))
    with pytest.raises(Refused, match="checkpoints/3"):
        loaded()


@pytest.mark.parametrize(
    ("graph", "weights", "message"),
    [
        (b"\xff", {}, "is no GraphDef"),
        (b"", {}, "can't be loaded as model.json describes it"),
        (None, {"norm/variance": np.full(6, -1, np.float32)}, "not finite"),
    ],
)
def test_an_export_that_does_not_run_is_refused_and_leaves_nothing(loaded, writer, graph, weights, message):
    writer.base(3, graph=graph, weights=weights)
    before = set(Path("/proc/self/fd").iterdir())
    for _ in range(2):
        with pytest.raises(BadExport, match=message):
            loaded()
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_base_without_room_is_refused_before_it_is_read(engine, origin, writer):
    writer.base(3)
    with pytest.raises(NoRoom, match=r"raise the memory limit in spec.serving.resources"):
        load(engine, origin, 3, room=100)


def test_a_base_that_was_read_once_needs_only_manifests_of_the_store(engine, origin, store, writer, ask):
    data = {ref.key for ref in writer.base(3).objects}
    load(engine, origin, 3)
    engine.publish(load(engine, origin, writer.base(4).number)[0].version)
    engine.drop(3)
    fragile = FragileStore(store)
    line = load(engine, Origin(fragile.store, origin.cache, MODEL_NAME), 3)[0]
    ask(line)
    assert fragile.read
    assert len(data.intersection(fragile.read)) <= 1  # model.json, which wire reads by itself


USERS = st.integers(-30, 30) | st.sampled_from([-(2**63), 2**63 - 1])
ROWS = st.tuples(
    USERS,
    st.lists(st.sampled_from([*WORDS, b"", b"never seen"]), min_size=3, max_size=3),
    st.tuples(st.floats(-5, 5, width=32), st.floats(-5, 5, width=32)),
)


@pytest.fixture
def line(loaded, writer):
    writer.base(3)
    writer.update(3)
    return loaded()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=20))
def test_answers_are_those_of_the_rebuilt_version(line, ask, store, rows):
    users = np.array([row[0] for row in rows], np.int64)
    words = [row[1] for row in rows]
    numeric = np.array([row[2] for row in rows], np.float32)
    response = ask(line, user=users, words=np.array(words), numeric=numeric)
    expected = answers(rebuild(store, 3, line.version.update), users, words, numeric)
    for name, output in response.outputs.items():
        np.testing.assert_allclose(make_ndarray(output), expected[name], rtol=1e-3, atol=1e-5)


def test_a_captured_graph_answers_through_updates_and_says_what_it_has(engine_program, writer, origin, store):
    del engine_program  # it sets where the program is
    engine = Engine(EngineOptions(model="search", port=0, batch_sizes=SIZES, graph="any"))
    try:
        writer.base(3)
        line, _ = load(engine, replace(origin, exclude=("Misspelt",)), 3)
        assert [choice.engine for choice in line.choices] == ["graph", "graph"]
        assert line.captured[0].startswith("part 1 of 1: ")
        assert "names Misspelt, which this graph does not have" in line.captured[-1]
        with grpc.insecure_channel(engine.address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            for _ in range(3):
                engine.publish(line.version)
                assert Recomputed(store).check(stub.Predict(request())) == line.version
                writer.update(3)
                line.advance()
        stats = engine.stats()
        assert stats.graph == GraphReport(GraphState.ON)
        assert 'tandem_engine_graph_batches_total{by="fallback"} 0' in stats.text
    finally:
        engine.close()


def test_without_a_gpu_a_graph_is_unavailable_and_says_why(engine_program, writer, origin):
    del engine_program
    engine = Engine(EngineOptions(model="search", port=0, batch_sizes=SIZES, graph="gpu"))
    try:
        writer.base(3)
        line, _ = load(engine, replace(origin, exclude=()), 3)
        assert "graph" not in {choice.engine for choice in line.choices}
        graph = engine.stats().graph
        assert graph.state is GraphState.UNAVAILABLE
        assert graph.reason.startswith("TensorFlow sees no GPU; give the pod one")
    finally:
        engine.close()
