"""What a pod serves: tensors that do not fit are refused, an update changes exactly what it says, keyframes replace."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from tandem_wire.bases import MODEL
from tandem_wire.errors import NotFound, Refused
from tandem_wire.layout import LogName, base_slot
from tandem_wire.lineage import ServingState, apply, load_base
from tandem_wire.lineage.serving import check_serving
from tandem_wire.objects import put_objects
from tandem_wire.records import Kind, Part, Record, encode
from tandem_wire.store.local import LocalStore
from tandem_wire.tensors import Tensors
from tandem_wire.version import Version

from tests.wire.builders import NAME, SPEC, T0, Lineage, damage, keys, rows, weights
from tests.wire.golden_values import record


def table(state: ServingState, name: str) -> dict[int, float]:
    found = state.tables[name]
    return {int(k): float(v[0]) for k, v in zip(found.keys, found.values, strict=True)}


def update(state: ServingState, slot: int = 1, **changes: object) -> Record:
    fields: dict[str, object] = {"number": 0, "slot": slot, "base": state.digest, "model": NAME, "voids": None}
    return record(**{**fields, **changes})


@pytest.fixture
def state(local: LocalStore) -> ServingState:
    Lineage(local)
    return load_base(local, 0, NAME)


def test_a_base_is_loaded(state: ServingState) -> None:
    assert (state.version, state.watermark, state.model) == (Version(0), T0, SPEC)
    assert table(state, "user") == {1: 0.5, 9: 0.25}
    assert table(state, "brand") == {1: 1.0, 3: 3.0, 5: 5.0}
    assert not state.tables["brand"].values.flags.writeable
    assert not state.weights["mlp/0/kernel"].flags.writeable


def test_an_update_changes_what_it_says(state: ServingState) -> None:
    tensors = {**rows("brand", {1: 1.5, 4: 4.0}, 1), "rows/brand/removed": keys([3, 77]), **weights(2.0)}
    after = apply(state, update(state, 7), tensors)
    assert table(after, "brand") == {1: 1.5, 4: 4.0, 5: 5.0}
    assert after.tables["user"] is state.tables["user"]
    assert after.version == Version(0, 7)
    np.testing.assert_array_equal(after.weights["mlp/0/kernel"], np.full((3, 1), 2.0))
    assert table(state, "brand") == {1: 1.0, 3: 3.0, 5: 5.0}, "the old version stays as it was"
    assert state.weights["mlp/0/kernel"][0, 0] == 0


def test_an_update_may_only_remove_or_have_no_rows_at_all(state: ServingState) -> None:
    after = apply(state, update(state), {"rows/brand/removed": keys([1]), **weights(2.0)})
    assert table(after, "brand") == {3: 3.0, 5: 5.0}
    assert table(apply(after, update(state, 2), weights(2.0)), "brand") == {3: 3.0, 5: 5.0}


def test_a_keyframe_replaces_changing_tables(state: ServingState) -> None:
    after = apply(state, update(state, kind=Kind.KEYFRAME), {**rows("brand", {8: 8.0}, 1), **weights(2.0)})
    assert table(after, "brand") == {8: 8.0}
    assert table(after, "user") == {1: 0.5, 9: 0.25}


GOOD: Tensors = {**rows("brand", {1: 1.5}, 1), **weights(2.0)}
WRONG: list[tuple[str, dict[str, object], Callable[[Tensors], Tensors], str]] = [
    ("another base", {"base": "0" * 64}, lambda t: t, "cut from another base: it names 00000000"),
    ("another lineage", {"number": 1}, lambda t: t, "is no update of base 0"),
    ("no update", {"kind": Kind.BARRIER, "base": None, "objects": ()}, lambda t: t, "is no update"),
    ("again", {"slot": 5}, lambda t: t, "comes again or too late, the state is 0.5 already"),
    ("too late", {"slot": 4}, lambda t: t, "comes again or too late, the state is 0.5 already"),
    ("weights missing", {}, lambda _: rows("brand", {}, 1), "weights/mlp/0/kernel: is missing"),
    (
        "weights of another shape",
        {},
        lambda t: {**t, "weights/mlp/0/kernel": np.zeros((1, 3), np.float32)},
        "the model sa",
    ),
    ("weights of another type", {}, lambda t: {**t, "weights/mlp/0/kernel": np.zeros((3, 1), np.float64)}, "float64"),
    ("unknown weights", {}, lambda t: {**t, "weights/x": np.zeros(1, np.float32)}, "weights/x: is not in the model"),
    ("unknown table", {}, lambda t: {**t, **rows("colour", {1: 1.0}, 1)}, "rows/colour/keys: is not in the model"),
    ("frozen table", {}, lambda t: {**t, **rows("user", {1: 1.0}, 2)}, "rows/user/keys: is not .* in this kind of rec"),
    ("another dim", {}, lambda t: {**t, **rows("brand", {1: 1.0}, 2)}, r"is \(1, 2\) float32, must be \(1, 1\)"),
    ("too few rows", {}, lambda t: {**t, "rows/brand/keys": keys([1, 2])}, r"must be \(2, 1\) float32"),
    ("keys alone", {}, lambda t: {k: v for k, v in t.items() if "values" not in k}, "stand side by side"),
    (
        "unsorted",
        {},
        lambda t: {**t, "rows/brand/keys": np.array([3, 1]), "rows/brand/values": np.zeros((2, 1), "f4")},
        "asc",
    ),
    (
        "twice",
        {},
        lambda t: {**t, "rows/brand/keys": np.array([1, 1]), "rows/brand/values": np.zeros((2, 1), "f4")},
        "uniq",
    ),
    ("keys int32", {}, lambda t: {**t, "rows/brand/keys": np.array([1], np.int32)}, "int64"),
    (
        "changed and removed",
        {},
        lambda t: {**t, "rows/brand/removed": keys([1])},
        "rows/brand/removed: has an id that is al",
    ),
    (
        "keyframe that removes",
        {"kind": Kind.KEYFRAME},
        lambda t: {**t, "rows/brand/removed": keys([9])},
        "nothing removed",
    ),
    (
        "keyframe without a table",
        {"kind": Kind.KEYFRAME},
        lambda _: weights(2.0),
        "keys and values of every such table",
    ),
]


@pytest.mark.parametrize(("case", "changes", "change", "why"), WRONG, ids=[case[0] for case in WRONG])
def test_what_does_not_fit_is_refused_and_named(
    case: str, changes: dict[str, object], change: Callable[[Tensors], Tensors], why: str, state: ServingState
) -> None:
    served = apply(state, update(state, 5), GOOD)
    wrong = update(served, **{"slot": 6, **changes})  # type: ignore[arg-type]
    with pytest.raises(Refused, match=why) as caught:
        apply(served, wrong, change(GOOD))
    assert str(caught.value).startswith(f"{wrong.called}: "), case


def test_a_base_names_every_table() -> None:
    base = record(kind=Kind.BASE, log=LogName.CHECKPOINTS)
    with pytest.raises(Refused, match="rows/user/keys"):
        check_serving(SPEC, base, GOOD)


def test_a_base_that_is_absent_altered_foreign_or_retired(local: LocalStore) -> None:
    with pytest.raises(NotFound):
        load_base(local, 0)
    lineage = Lineage(local)
    with pytest.raises(Refused, match=r"checkpoints/0: the manifest is of model 'shop/search', not of 'shop/ads'"):
        load_base(local, 0, "shop/ads")
    rows_of_user = next(ref for ref in lineage.base.objects if ref.name == "rows-user.safetensors")
    damage(local, rows_of_user.key)
    with pytest.raises(
        Refused, match=r"^checkpoints/0: digest of rows-user.safetensors is [0-9a-f]{8}…, the manifest says"
    ):
        load_base(local, 0)
    local.delete(rows_of_user.key)
    with pytest.raises(Refused, match=r"^checkpoints/0: serving object rows-user.safetensors .* is gone"):
        load_base(local, 0)
    local.put(
        "checkpoints/000000000.json",
        encode(dataclasses.replace(lineage.base, kind=Kind.RETIRED, objects=(), contract=None)),
    )
    with pytest.raises(Refused, match="was retired"):
        load_base(local, 0)


@pytest.mark.parametrize("data", [b"{}", b"", b'{"format":"tandem.model/2"}'])
def test_a_model_json_that_is_none_is_refused(local: LocalStore, data: bytes) -> None:
    lineage = Lineage(local)
    (bad,) = put_objects(local, lineage.uid, base_slot(0), {(Part.SERVING, MODEL): data})
    objects = tuple(bad if ref.name == MODEL else ref for ref in lineage.base.objects)
    local.put("checkpoints/000000000.json", encode(dataclasses.replace(lineage.base, objects=objects)))
    with pytest.raises(Refused, match=r"^checkpoints/0: model\.json: "):
        load_base(local, 0)
