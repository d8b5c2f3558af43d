"""Manifests: any valid record survives the round trip, and nothing else gets in."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_wire.codec import canonical
from tandem_wire.errors import InvalidValue, Refused
from tandem_wire.layout import LogName
from tandem_wire.positions import KafkaPosition, SegmentPosition
from tandem_wire.records import Counters, Kind, ObjectRef, Part, Record, Window, check_place, decode, encode

from tests.wire.golden_values import BASE, DIGEST, GOLDEN, RECORDS, UID, record

UPDATE = (GOLDEN / "update.json").read_bytes()
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)
)
COUNTS = st.integers(0, 2**63 - 1)
NAMES = st.text(min_size=1, max_size=8)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
POSITIONS = st.one_of(
    st.builds(KafkaPosition, NAMES, st.dictionaries(st.integers(0, 2**31), COUNTS, max_size=3)),
    st.builds(SegmentPosition, st.just(""), NAMES, COUNTS),
)
OBJECTS = st.lists(
    st.builds(
        ObjectRef,
        name=NAMES,
        part=st.sampled_from(Part),
        key=st.just(f"objects/{UID}/u17-204/x"),
        size=COUNTS,
        sha256=st.just(DIGEST),
    ),
    max_size=4,
    unique_by=lambda ref: (ref.part, ref.name),
).map(lambda refs: tuple(sorted(refs, key=lambda ref: (ref.part.value, ref.name))))


@st.composite
def some_records(draw: st.DrawFn) -> Record:
    changes = {
        "created": draw(TIMES),
        "watermark": draw(st.none() | TIMES),
        "positions": draw(st.dictionaries(NAMES, POSITIONS, max_size=3)),
        "step": draw(COUNTS),
        "objects": draw(OBJECTS),
        "windows": draw(
            st.lists(
                st.builds(Window, NAMES, TIMES, TIMES, COUNTS, COUNTS, st.none() | FLOATS, FLOATS, FLOATS), max_size=2
            ).map(tuple)
        ),
        "counters": draw(
            st.dictionaries(
                NAMES, st.builds(Counters, COUNTS, COUNTS, st.dictionaries(NAMES, COUNTS, max_size=2)), max_size=2
            )
        ),
    }
    kind = draw(st.sampled_from([Kind.UPDATE, Kind.KEYFRAME, Kind.INCREMENT]))
    if kind is Kind.INCREMENT:
        return record(kind=kind, log=LogName.RUNS, base=None, **changes)
    voids = draw(st.none() | st.integers(1, 203)) if kind is Kind.KEYFRAME else None
    return record(kind=kind, voids=voids, **changes)


@given(some_records())
def test_round_trip(value: Record) -> None:
    data = encode(value)
    read = decode(data)
    assert encode(read) == data
    assert {**read.to_value(), "digest": ""} == value.to_value()


@given(st.integers(0, len(UPDATE) * 8 - 1))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    data = bytearray(UPDATE)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Refused, match=r"^updates/17/204: "):
        decode(bytes(data), "updates/17/204")


@given(st.integers(0, len(UPDATE) - 1))
def test_any_truncation_is_refused(size: int) -> None:
    with pytest.raises(Refused):
        decode(UPDATE[:size])


RAW = [
    ("empty", lambda _: b"", "is not JSON"),
    ("not UTF-8", lambda d: b"\xff" + d[1:], "is not JSON"),
    ("a list", lambda _: b"[]", "canonical"),
    ("white space", lambda d: d.replace(b",", b", ", 1), "canonical"),
    ("a line at the end", lambda d: d + b"\n", "canonical"),
    ("two manifests", lambda d: d + d, "is not JSON"),
    (
        "another order",
        lambda d: json.dumps(dict(reversed(json.loads(d).items())), separators=(",", ":")).encode(),
        "canon",
    ),
    ("a name twice", lambda d: b'{"base":null,' + d[1:], "twice"),
    ("NaN", lambda d: d.replace(b'"step":4711', b'"step":NaN'), "NaN is not allowed"),
    ("an escaped letter", lambda d: d.replace("é".encode(), b"\\u00e9"), "canonical"),
    ("another value", lambda d: d.replace(b'"step":4711', b'"step":4712'), "digest: is "),
    ("a byte order mark", lambda d: b"\xef\xbb\xbf" + d, "canonical"),
    ("endless nesting", lambda _: b"[" * 100_000, "is not JSON"),
    ("a huge number", lambda d: d.replace(b'"step":4711', b'"step":' + b"9" * 5000), "is not JSON"),
]


@pytest.mark.parametrize(("case", "change", "why"), RAW, ids=[case[0] for case in RAW])
def test_bytes_that_are_no_manifest_are_refused(case, change, why) -> None:
    with pytest.raises(Refused, match=why):
        decode(change(UPDATE), case)


def signed(name: str, path: str, value: object) -> bytes:
    """A golden record with one field set (or removed by ``...``) and a digest that fits."""
    body = json.loads((GOLDEN / f"{name}.json").read_bytes())
    at = body
    *folders, last = path.split(".")
    for folder in folders:
        at = at[int(folder)] if isinstance(at, list) else at[folder]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    body.pop("digest", None)
    body["digest"] = hashlib.sha256(canonical(body)).hexdigest()
    return canonical(body)


SIGNED = [
    ("update", "format", "tandem.record/2", "format: must be 'tandem.record/1'"),
    ("update", "format", ..., "format: must be 'tandem.record/1'"),
    ("update", "extra", 1, "extra: is unknown here"),
    ("update", "step", ..., "step: is missing"),
    ("update", "voids", ..., "voids: is missing"),
    ("update", "step", "4711", "step: must be an integer, not a string"),
    ("update", "step", True, "step: must be an integer, not true or false"),
    ("update", "step", 4711.0, "step: must be an integer, not a number"),
    ("update", "step", -1, "step: must not be negative"),
    ("update", "step", 2**63, "step: does not fit into 64 bits"),
    ("update", "kind", "delta", "kind: must be one of base, barrier"),
    ("update", "kind", "increment", "kind: increment does not belong into updates"),
    ("update", "kind", "base", "kind: base does not belong into updates"),
    ("base", "kind", "update", "kind: update does not belong into checkpoints"),
    ("update", "log", "elsewhere", "log: must be one of"),
    ("update", "slot", 0, "slot: 0 does not belong into updates"),
    ("base", "slot", 1, "slot: 1 does not belong into checkpoints"),
    ("update", "number", -1, "number: must not be negative"),
    ("update", "model", "search", "model: 'search' must be namespace/name"),
    ("update", "model", "a/b/c", "must be namespace/name"),
    ("update", "base", None, "base: must be the digest"),
    ("update", "base", "FEDC" * 16, "base: must be the digest"),
    ("increment", "base", DIGEST, "base: must be the digest"),
    ("update", "parent", 3, "parent: must be null"),
    ("update", "contract", {}, "contract: must be null"),
    ("update", "due", "2026-11-10T12:00:00.000Z", "due: must be null"),
    ("base", "parent", 17, "parent: 17 must be a base before 17"),
    ("base", "due", "2026-11-10 12:00", "due: .* is not a time"),
    ("base", "due", "2026-13-10T12:00:00.000Z", "due: .* is not a time"),
    ("update", "created", "2026-11-10T12:00:00Z", "created: .* is not a time"),
    ("update", "created", None, "created: must be a time, not null"),
    ("update", "voids", 3, "voids: must be null, or for a keyframe"),
    ("keyframe", "voids", 205, "voids: must be null, or for a keyframe"),
    ("keyframe", "voids", 0, "voids: must be null, or for a keyframe"),
    ("update", "writer.uid", "me", "writer.uid: must be 32"),
    ("update", "writer.epoch", 0, "writer.epoch: 0 does not belong"),
    ("base", "writer.epoch", 1, "writer.epoch: 1 does not belong"),
    ("update", "objects.0.key", f"objects/{'0' * 32}/u17-204/x", "must be under objects/0123"),
    ("update", "objects.0.key", f"objects/{UID}/../../x", "must be under objects/0123"),
    ("update", "objects.0.sha256", "x", "sha256 must be 64"),
    ("update", "objects.0.size", -1, "size must not be negative"),
    ("update", "objects.0.part", "both", "part: must be one of"),
    ("update", "objects.0.name", "x", None),
    ("update", "objects.1.part", "serving", None),
    ("barrier", "objects", [], None),
    ("update", "positions.click", {"kafka": {}, "segments": {}}, "exactly one of kafka, segments"),
    ("update", "positions.click.kafka.offsets.x", 1, "its name must be a number"),
    ("update", "positions.click.kafka.offsets.01", 1, "its name must be a number"),
    ("update", "positions.click.kafka.offsets.0", -1, "must not be negative"),
    ("update", "positions.order.segments.current", "part-0001", "must come after"),
    ("update", "windows.0.auc", "x", r"windows\[0\].auc: must be a number"),
    ("update", "counters.click.read", 1.5, "counters.click.read: must be an integer"),
]


@pytest.mark.parametrize(
    ("name", "path", "value", "why"), SIGNED, ids=[f"{c[0]} {c[1]} {str(c[2])[:24]}" for c in SIGNED]
)
def test_a_well_signed_record_that_breaks_a_rule_is_refused(
    name: str, path: str, value: object, why: str | None
) -> None:
    data = signed(name, path, value)
    if why is None:
        decode(data)
        return
    with pytest.raises(Refused, match=why):
        decode(data, "updates/17/204")


def test_objects_stand_in_order_and_once() -> None:
    body = json.loads(UPDATE)["objects"]
    for objects in (body[::-1], [body[0], body[0]]):
        with pytest.raises(Refused, match="objects: must be sorted"):
            decode(signed("update", "objects", objects))
    with pytest.raises(Refused, match="must be empty for barrier"):
        decode(signed("barrier", "objects", body))


INVALID = [
    ("a slot of no log", {"slot": 0}, "slot"),
    ("NaN", {"windows": (Window("ctr", BASE.created, BASE.created, 1, 1, None, float("nan"), 0.0),)}, "JSON"),
    ("a naive time", {"created": BASE.created.replace(tzinfo=None)}, "no time zone"),
]


@pytest.mark.parametrize(("case", "changes", "why"), INVALID, ids=[case[0] for case in INVALID])
def test_what_must_not_be_read_is_not_written(case: str, changes: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        pytest.fail(f"{case} was written as {encode(record(**changes))!r}")


def test_times_are_cut_to_milliseconds() -> None:
    late = BASE.created + timedelta(microseconds=999)
    assert decode(encode(record(created=late))).created == BASE.created


PLACES = [
    ("its own", {}, None),
    ("another slot: reordered", {"slot": 205}, "updates/17/205: the manifest there was written as updates/17/204"),
    ("another lineage: replayed", {"number": 18}, "updates/18/204: the manifest there was written as updates/17/204"),
    ("another log", {"log": LogName.RUNS}, "runs/17/204: the manifest there was written as updates/17/204"),
    (
        "another model",
        {"model": "shop/ads"},
        "updates/17/204: the manifest is of model 'shop/search', not of 'shop/ads'",
    ),
]


@pytest.mark.parametrize(("case", "place", "why"), PLACES, ids=[case[0] for case in PLACES])
def test_a_record_counts_only_in_its_place(case: str, place: dict[str, object], why: str | None) -> None:
    read = decode(UPDATE)
    expected = {"log": LogName.UPDATES, "number": 17, "slot": 204, "model": "shop/search", **place}
    if why is None:
        check_place(read, **expected)  # type: ignore[arg-type]
        return
    with pytest.raises(Refused) as caught:
        check_place(read, **expected)  # type: ignore[arg-type]
    assert str(caught.value) == why, case


@pytest.mark.parametrize(
    ("name", "called"), [("base", "checkpoints/17"), ("update", "updates/17/204"), ("increment", "runs/17/2")]
)
def test_records_are_called_as_people_write_them(name: str, called: str) -> None:
    assert RECORDS[name].called == called
