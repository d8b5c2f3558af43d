"""Versions, keys, positions, models, reports: small values and their limits."""

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_wire.errors import Fenced, InvalidValue, NoSuchBucket, StoreDenied, StoreUnavailable, WireError
from tandem_wire.layout import (
    LogId,
    base_key,
    model_prefix,
    new_uid,
    object_key,
    parse_base_key,
    parse_record_key,
    record_key,
)
from tandem_wire.model import DType, Group, InputSpec, ModelSpec, Pooling, TableSpec, WeightSpec
from tandem_wire.positions import KafkaPosition, SegmentPosition
from tandem_wire.report import Fault, Termination
from tandem_wire.version import Version

from tests.wire.builders import SPEC


@given(st.integers(0, 10**9), st.integers(0, 10**9 - 1))
def test_versions_round_trip(base: int, update: int) -> None:
    version = Version(base, update)
    assert Version.of_number(version.number) == version == Version.parse(str(version))


@given(*[st.tuples(st.integers(0, 9), st.integers(0, 9))] * 2)
def test_versions_are_in_the_order_of_their_numbers(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (Version(*one) < Version(*other)) == (Version(*one).number < Version(*other).number)


def test_the_number_is_the_documented_one() -> None:
    assert Version(17, 204).number == 17_000_000_204
    assert str(Version(17)) == "17.0"


@pytest.mark.parametrize(
    "text", ["", "17", "17.", ".4", "17.4.1", "-1.4", "017.4", "17.04", " 17.4", "17.1000000000", "a.b"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="version"):
        Version.parse(text)


@pytest.mark.parametrize(("base", "update"), [(-1, 0), (0, -1), (0, 10**9)])
def test_versions_have_limits(base: int, update: int) -> None:
    with pytest.raises(InvalidValue, match="out of range"):
        Version(base, update)


@given(st.integers(0, 10**9 - 1), st.integers(1, 10**9 - 1), st.sampled_from([LogId.updates, LogId.runs]))
def test_keys_round_trip(number: int, slot: int, log: Callable[[int], LogId]) -> None:
    assert parse_record_key(record_key(log(number), slot)) == (log(number), slot)
    assert parse_base_key(base_key(number)) == number
    assert parse_base_key(record_key(log(number), slot)) is None
    assert parse_record_key(base_key(number)) is None


@given(st.lists(st.integers(1, 10**9 - 1), min_size=2, max_size=5))
def test_the_order_of_keys_is_the_order_of_numbers(slots: list[int]) -> None:
    log = LogId.updates(3)
    assert sorted(record_key(log, n) for n in slots) == [record_key(log, n) for n in sorted(slots)]


KEYS = [
    (base_key(17), "checkpoints/000000017.json"),
    (record_key(LogId.updates(17), 204), "updates/000000017/000000204.json"),
    (record_key(LogId.runs(18), 2), "runs/000000018/000000002.json"),
    (
        object_key("ab", LogId.updates(17).slot_name(204), "serving.safetensors"),
        "objects/ab/u17-204/serving.safetensors",
    ),
    (LogId.runs(18).slot_name(2), "r18-2"),
    (LogId.updates(17).called(204), "updates/17/204"),
    (model_prefix("prod/", "shop/search"), "prod/shop/search"),
    (model_prefix("", "shop/search"), "shop/search"),
]


@pytest.mark.parametrize(("made", "expected"), KEYS)
def test_keys_are_the_documented_ones(made: str, expected: str) -> None:
    assert made == expected


@pytest.mark.parametrize(
    "key", ["", "updates/17/204.json", "updates/000000017/000000000.json", "updates/000000017/000000204.json.tmp", "x"]
)
def test_other_keys_are_none(key: str) -> None:
    assert parse_record_key(key) is None


@pytest.mark.parametrize("part", ["", "..", "a/b", "-a", "a b", "é"])
def test_parts_of_object_keys_are_plain(part: str) -> None:
    with pytest.raises(InvalidValue, match="key"):
        object_key("ab", "u1-1", part)


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidValue, match="between 0 and 999999999"):
        record_key(LogId.updates(1), 10**9)


def test_uids_are_new() -> None:
    assert len({new_uid() for _ in range(100)}) == 100
    assert len(new_uid()) == 32


POSITIONS: list[tuple[Callable[[], object], str]] = [
    (lambda: KafkaPosition("t", {-1: 0}), "must not be negative"),
    (lambda: KafkaPosition("t", {0: -1}), r"offsets\.0"),
    (lambda: SegmentPosition("", "", 1), "record"),
    (lambda: SegmentPosition("", "a", -1), "record"),
    (lambda: SegmentPosition("b", "a", 1), "'a' must come after 'b'"),
]


@pytest.mark.parametrize(("make", "why"), POSITIONS)
def test_impossible_positions_are_refused(make: Callable[[], object], why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        make()


MODELS: list[tuple[dict[str, object], str]] = [
    ({"tables": (SPEC.tables[0],)}, "input 'brand' reads table 'brand', which is not in tables"),
    ({"tables": (*SPEC.tables, TableSpec("user", 1, Group.CHANGING))}, "tables: 'user' stands twice"),
    ({"inputs": (*SPEC.inputs, SPEC.inputs[0])}, "inputs: 'user' stands twice"),
    ({"inputs": SPEC.inputs[:1]}, "dense.features: must be the names of the inputs"),
    ({"weights": ()}, "dense.weight_inputs: must have one entry for each of weights"),
    ({"weights": (WeightSpec("a", ()), WeightSpec("a", ()))}, "weights: 'a' stands twice"),
    ({"outputs": ()}, "dense.outputs: must have one entry for each of outputs"),
]


@pytest.mark.parametrize(("changes", "why"), MODELS)
def test_a_model_whose_parts_do_not_fit_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        dataclasses.replace(SPEC, **changes)  # type: ignore[arg-type]


def test_inputs_know_their_width() -> None:
    assert [SPEC.width(spec) for spec in SPEC.inputs] == [2, 1]
    wide = dataclasses.replace(SPEC.inputs[1], pooling=Pooling.NONE)
    assert SPEC.width(wide) == 3
    assert SPEC.width(InputSpec("numeric", DType.FLOAT32, None, Pooling.NONE, 13)) == 13
    with pytest.raises(KeyError):
        SPEC.table("absent")


@pytest.mark.parametrize(("dtype", "table"), [(DType.FLOAT32, "user"), (DType.INT64, None), (DType.STRING, None)])
def test_ids_have_a_table_and_numbers_have_none(dtype: DType, table: str | None) -> None:
    with pytest.raises(InvalidValue, match="need a table"):
        InputSpec("x", dtype, table, Pooling.NONE, 1)


def test_model_json_is_the_documented_one() -> None:
    dense = SPEC.to_value()["dense"]
    assert isinstance(dense, dict)
    assert set(dense) == {"graph", "features", "feature_inputs", "weight_inputs", "outputs"}
    assert ModelSpec.from_json(SPEC.to_json()) == SPEC


TERMINATIONS = [
    (StoreUnavailable("away"), Fault.WORLD, "StoreUnavailable", 1),
    (StoreDenied("no"), Fault.USER, "StoreDenied", 2),
    (NoSuchBucket("no"), Fault.USER, "NoSuchBucket", 2),
    (InvalidValue("streams", "wrong"), Fault.USER, "InvalidValue", 2),
    (Fenced("over"), Fault.WORLD, "Fenced", 1),
]


@pytest.mark.parametrize(("error", "kind", "reason", "code"), TERMINATIONS)
def test_an_error_says_whose_it_is(error: WireError, kind: Fault, reason: str, code: int) -> None:
    ended = Termination.of(error)
    assert (ended.kind, ended.reason, ended.exit_code, ended.message) == (kind, reason, code, str(error))
