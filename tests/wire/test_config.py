"""What the operator tells its children is read strictly, and errors name the field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_wire.config import Contract, ServerConfig, StoreConfig, StreamConfig, TrainerConfig, TrainingConfig
from tandem_wire.errors import InvalidValue

from tests.wire.golden_values import BASE, VALUES


def changed(name: str, path: str, value: object) -> str:
    body = VALUES[name].to_value()
    at: object = body
    *folders, last = path.split(".")
    for folder in folders:
        at = at[int(folder)] if isinstance(at, list) else at[folder]  # type: ignore[index]
    if value is ...:
        del at[last]  # type: ignore[attr-defined]
    else:
        at[last] = value  # type: ignore[index]
    return json.dumps(body)


WRONG = [
    ("trainer", "modle", "x", "modle: is unknown here"),
    ("trainer", "role", "C", "role: must be one of A, B, not 'C'"),
    ("trainer", "role", "B", "parent: parent and due belong to role A only"),
    ("trainer", "model", "search", "model: 'search' must be namespace/name"),
    ("trainer", "number", ..., "number: is missing"),
    ("trainer", "number", -1, "number: -1 must not be negative"),
    ("trainer", "number", "3", "number: must be an integer, not a string"),
    ("trainer", "store", ..., "store: is missing"),
    ("trainer", "store", [], "store: must be an object, not a list"),
    ("trainer", "store.url", "models/x", "store.url: 'models/x' must be s3://"),
    ("trainer", "streams", [], "streams: must name at least one stream"),
    ("trainer", "streams", {}, "streams: must be a list, not an object"),
    ("trainer", "streams.1.name", "click", "streams: every stream must have a name of its own"),
    ("trainer", "streams.0.kafka", None, r"streams\[0\]: stream 'click' must have exactly one of kafka and segments"),
    ("trainer", "streams.0.kafka.topic", 7, r"streams\[0\].kafka.topic: must be a string, not an integer"),
    ("trainer", "streams.0.kafka.startAt", "earliest", r"streams\[0\].kafka.startAt: must be one of Earliest, Latest"),
    (
        "trainer",
        "streams.0.maxOutOfOrderSeconds",
        "10s",
        r"streams\[0\].maxOutOfOrderSeconds: must be a number, not a str",
    ),
    (
        "trainer",
        "streams.0.idleAfterSeconds",
        True,
        r"streams\[0\].idleAfterSeconds: must be a number, not true or false",
    ),
    ("trainer", "training.batchSize", 0, "training.batchSize: 0 must be at least 1"),
    ("trainer", "training.batch_size", 8, "training.batch_size: is unknown here"),
    ("trainer", "training.learningRate", 0, "training.learningRate: 0.0 must be above 0"),
    ("trainer", "training.optimizer", "Adam", "training.optimizer: must be an object, not a string"),
    ("server", "callGraph.countInterval", -1, "callGraph.countInterval: -1 must be 0"),
    ("server", "callGraph.timeIntervalSeconds", -0.5, "callGraph.timeIntervalSeconds: -0.5 must be 0"),
    ("server", "callGraph", {}, "callGraph.countInterval: or timeIntervalSeconds must be above 0"),
    ("trainer", "swift.intervalSeconds", 0, "swift.intervalSeconds: 0.0 must be above 0"),
    ("trainer", "swift.keyframeEvery", 0, "swift.keyframeEvery: 0 must be at least 1"),
    ("trainer", "freezing", "user", "freezing: must be a list, not a string"),
    ("trainer", "freezing", [1], r"freezing\[0\]: must be a string, not an integer"),
    ("trainer", "due", "03:00", "due: '03:00' is not a time"),
    ("server", "pollSeconds", 0, "pollSeconds: 0.0 must be above 0"),
    ("server", "cudaGraph", 1, "cudaGraph: must be true or false, not an integer"),
    ("server", "batchSizes", [1.5], r"batchSizes\[0\]: must be an integer, not a number"),
]


@pytest.mark.parametrize(("name", "path", "value", "why"), WRONG, ids=[f"{c[0]} {c[1]} {c[2]}" for c in WRONG])
def test_wrong_fields_are_named(name: str, path: str, value: object, why: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{why}"):
        type(VALUES[name]).from_json(changed(name, path, value))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a":1,"a":2}', '{"number":NaN}', "\ud800"])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        TrainerConfig.from_json(text)


def test_what_has_a_default_may_be_absent() -> None:
    text = """{"role": "B", "model": "shop/search", "number": 3,
               "store": {"url": "file:///data"}, "entrypoint": "m:build",
               "streams": [{"name": "click", "task": "ctr", "segments": {"url": "file:///samples"}}]}"""
    config = TrainerConfig.from_json(text)
    assert config.training == TrainingConfig()
    assert config.streams[0].segments is not None
    assert config.streams[0].segments.store == StoreConfig("file:///samples")
    assert TrainerConfig.from_json(config.to_json()) == config


def test_a_contract_is_read_from_a_base() -> None:
    assert BASE.contract is not None
    contract = Contract.from_value(BASE.contract)
    assert contract.to_value() == BASE.contract
    assert contract.tables[0].dim == 16


STREAMS = st.builds(
    StreamConfig.from_value,
    st.fixed_dictionaries(
        {
            "name": st.text(max_size=5),
            "task": st.text(max_size=5),
            "kafka": st.fixed_dictionaries({"bootstrapServers": st.text(max_size=9), "topic": st.text(max_size=9)}),
            "maxOutOfOrderSeconds": st.floats(allow_nan=False, allow_infinity=False),
        }
    ),
)
FREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    number=st.integers(0, 10**9 - 1),
    streams=st.lists(STREAMS, min_size=1, max_size=3, unique_by=lambda s: s.name),
    config=st.dictionaries(st.text(max_size=5), FREE, max_size=3),
    freezing=st.lists(st.text(max_size=5), max_size=3),
)
def test_round_trip(number, streams, config, freezing) -> None:
    value = TrainerConfig.from_value(
        {**VALUES["trainer"].to_value(), "number": number, "config": config, "freezing": freezing, "streams": []}
        | {"streams": [stream.to_value() for stream in streams]}
    )
    assert TrainerConfig.from_json(value.to_json()) == value


def test_the_environment_variables_are_the_pinned_ones() -> None:
    assert (TrainerConfig.VARIABLE, ServerConfig.VARIABLE) == ("TANDEM_TRAINER", "TANDEM_SERVER")
