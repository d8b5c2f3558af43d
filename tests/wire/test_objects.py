"""Data objects: verified whenever they are read, never overwritten with other bytes."""

import dataclasses

import numpy as np
import pytest
from tandem_wire.errors import Refused
from tandem_wire.layout import LogName, new_uid
from tandem_wire.objects import get_named, get_object, get_part, put_objects, read_object, verify_objects
from tandem_wire.records import Kind, ObjectRef, Part, Record
from tandem_wire.store import Store
from tandem_wire.store.local import LocalStore
from tandem_wire.tensors import pack

from tests.wire.golden_values import record

UID = new_uid()


def written(store: Store, *data: tuple[Part, str, bytes]) -> Record:
    refs = put_objects(store, UID, "u17-204", {(part, name): content for part, name, content in data})
    return record(objects=refs, writer=dataclasses.replace(record().writer, uid=UID))


def test_parts_are_read_apart(store: Store) -> None:
    one, other = {"a": np.arange(3)}, {"b": np.arange(4)}
    found = written(
        store,
        (Part.TRAINING, "t.safetensors", pack(other)),
        (Part.SERVING, "z.safetensors", pack(one)),
        (Part.SERVING, "model.json", b"{}"),
        (Part.SERVING, "a.safetensors", pack(other)),
    )
    assert [(ref.part, ref.name) for ref in found.objects] == [
        (Part.SERVING, "a.safetensors"),
        (Part.SERVING, "model.json"),
        (Part.SERVING, "z.safetensors"),
        (Part.TRAINING, "t.safetensors"),
    ]
    assert set(get_part(store, found, Part.SERVING)) == {"a", "b"}
    assert set(get_part(store, found, Part.TRAINING)) == {"b"}
    assert get_named(store, found, Part.SERVING, "model.json") == b"{}"
    verify_objects(store, found)


def test_a_name_that_stands_in_two_objects_is_refused(local: LocalStore) -> None:
    data = pack({"a": np.arange(3)})
    found = written(local, (Part.SERVING, "1.safetensors", data), (Part.SERVING, "2.safetensors", data))
    with pytest.raises(Refused, match=r"^updates/17/204: tensor a stands twice, the second time in 2.safetensors$"):
        get_part(local, found, Part.SERVING)


def test_another_try_with_other_bytes_overwrites_nothing(local: LocalStore) -> None:
    first = written(local, (Part.SERVING, "x", b"one"))
    again = written(local, (Part.SERVING, "x", b"one"))
    other = written(local, (Part.SERVING, "x", b"two"))
    assert first.objects == again.objects
    assert first.objects[0].key != other.objects[0].key
    assert get_object(local, first.objects[0]) == b"one"


REF = ObjectRef("serving.safetensors", Part.SERVING, "objects/u/s/x", 3, "")
DAMAGED = [
    ("gone", None, r"updates/17/204: serving object x \(objects/.*\) is gone"),
    ("torn", b"on", r"updates/17/204: size of x is 2 bytes, the manifest says 3; it is torn \(objects/"),
    ("too long", b"ones", r"updates/17/204: size of x is more than 3 bytes, the manifest says 3"),
    (
        "altered",
        b"onf",
        r"updates/17/204: digest of x is [0-9a-f]{8}…, the manifest says 7692c3ad…; altered \(objects/",
    ),
]


@pytest.mark.parametrize(("case", "data", "why"), DAMAGED, ids=[case[0] for case in DAMAGED])
def test_what_is_not_the_manifests_is_refused_and_named(case: str, data: bytes | None, why: str, store: Store) -> None:
    found = written(store, (Part.SERVING, "x", b"one"))
    key = found.objects[0].key
    if data is None:
        store.delete(key)
    else:
        store.put(key, data)
    for read in (lambda: verify_objects(store, found), lambda: get_named(store, found, Part.SERVING, "x")):
        with pytest.raises(Refused, match=why) as caught:
            read()
        assert caught.value.object == "updates/17/204", case


def test_an_object_that_the_record_has_not_is_refused(local: LocalStore) -> None:
    bare = record(kind=Kind.BASE, log=LogName.CHECKPOINTS, objects=())
    with pytest.raises(Refused, match=r"^checkpoints/17: has no serving object model.json$"):
        get_named(local, bare, Part.SERVING, "model.json")


@pytest.mark.parametrize("piece", [1, 2, 3, 4, 100])
def test_an_object_comes_in_pieces_of_at_most_that_size(store: Store, piece: int) -> None:
    found = written(store, (Part.SERVING, "x", b"three"), (Part.SERVING, "y", b""))
    for ref, expected in zip(found.objects, (b"three", b""), strict=True):
        pieces = list(read_object(store, ref, piece=piece))
        assert b"".join(pieces) == expected
        assert max(map(len, pieces)) <= piece


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
@pytest.mark.parametrize(("case", "data", "why"), DAMAGED, ids=[case[0] for case in DAMAGED])
def test_the_last_piece_of_what_is_not_the_manifests_never_ends_well(
    case: str, data: bytes | None, why: str, piece: int, local: LocalStore
) -> None:
    ref = written(local, (Part.SERVING, "x", b"one")).objects[0]
    if data is None:
        local.delete(ref.key)
    else:
        local.put(ref.key, data)
    with pytest.raises(Refused, match=why):
        list(read_object(local, ref, "updates/17/204", piece))
    assert case
