"""Data objects: put before the manifest that names them, verified whenever they are read."""

import hashlib
from collections.abc import Collection, Iterator, Mapping

from tandem_wire.errors import NotFound, Refused
from tandem_wire.layout import object_key
from tandem_wire.records import ObjectRef, Part, Record
from tandem_wire.store import Store
from tandem_wire.tensors import Tensors, unpack

TENSORS = ".safetensors"
PIECE = 16 << 20
"""Of an object that is read piece by piece."""
_SHORT = 16


def put_objects(store: Store, uid: str, slot: str, data: Mapping[tuple[Part, str], bytes]) -> tuple[ObjectRef, ...]:
    """Put objects under the writer's own prefix and return their references, sorted as a manifest wants them.

    A key carries part and digest, so that a second try with other bytes never overwrites what a durable manifest may
    already name.

    Args:
      store: the model's store.
      uid: the writer's.
      slot: ``LogId.slot_name(n)`` or ``base_slot(k)``; only for people, a manifest of a later slot may name the
      objects.
      data: (part, name) to bytes.
    """
    refs = []
    for part, name in sorted(data, key=lambda item: (item[0].value, item[1])):
        content = data[part, name]
        digest = hashlib.sha256(content).hexdigest()
        key = object_key(uid, slot, f"{part.value}-{digest[:_SHORT]}-{name}")
        store.put(key, content)
        refs.append(ObjectRef(name, part, key, len(content), digest))
    return tuple(refs)


def get_object(store: Store, ref: ObjectRef, called: str | None = None) -> bytes:
    """Read an object and verify size and digest.

    Args:
      store: the model's store.
      ref: what the manifest says.
      called: the record's name for errors; the object's key when None.

    Raises:
      Refused: the object is gone, torn or altered.
    """
    return b"".join(read_object(store, ref, called, ref.size + 1))


def read_object(store: Store, ref: ObjectRef, called: str | None = None, piece: int = PIECE) -> Iterator[bytes]:
    """Read an object piece by piece, so that an object of any size takes the memory of one.

    What was yielded is verified only when the iterator has ended: whoever keeps it must not let it be used before.

    Args:
      store: the model's store.
      ref: what the manifest says.
      called: the record's name for errors; the object's key when None.
      piece: bytes of each, but of the last.

    Raises:
      Refused: the object is gone, torn or altered.
    """
    called = called or ref.key
    digest = hashlib.sha256()
    at, more = 0, True
    while more:
        asked = min(piece, ref.size + 1 - at)  # the byte too many shows an object that is too long
        try:
            data = store.get_range(ref.key, at, asked)
        except NotFound as error:
            raise Refused(called, f"{ref.part.value} object {ref.name} ({ref.key}) is gone") from error
        at += len(data)
        more = len(data) == asked and at <= ref.size
        digest.update(data)
        yield data
    if at != ref.size:
        found = f"{at} bytes" if at < ref.size else f"more than {ref.size} bytes"
        raise Refused(called, f"size of {ref.name} is {found}, the manifest says {ref.size}; it is torn ({ref.key})")
    if digest.hexdigest() != ref.sha256:
        raise Refused(
            called,
            f"digest of {ref.name} is {digest.hexdigest()[:8]}…, the manifest says {ref.sha256[:8]}…; "
            f"altered ({ref.key})",
        )


def get_named(store: Store, record: Record, part: Part, name: str) -> bytes:
    """Read one object of a record by its name, verified.

    Raises:
      Refused: the record has no such object, or its bytes are not the manifest's.
    """
    for ref in record.objects:
        if (ref.part, ref.name) == (part, name):
            return get_object(store, ref, record.called)
    raise Refused(record.called, f"has no {part.value} object {name}")


def tensor_objects(record: Record, part: Part) -> tuple[ObjectRef, ...]:
    """The objects of a part that hold tensors."""
    return tuple(ref for ref in record.objects if ref.part is part and ref.name.endswith(TENSORS))


def get_part(store: Store, record: Record, part: Part) -> Tensors:
    """Read all tensors of a part, verified.

    Raises:
      Refused: an object is not what the manifest says, or a tensor name stands twice.
    """
    tensors: Tensors = {}
    for ref in tensor_objects(record, part):
        for name, tensor in unpack(get_object(store, ref, record.called), f"{record.called}: {ref.name}").items():
            if name in tensors:
                raise Refused(record.called, f"tensor {name} stands twice, the second time in {ref.name}")
            tensors[name] = tensor
    return tensors


def verify_objects(store: Store, record: Record, parts: Collection[Part] = tuple(Part)) -> None:
    """Read every object of these parts of a record and verify size and digest.

    Raises:
      Refused: naming the first that is not what the manifest says.
    """
    for ref in record.objects:
        if ref.part in parts:
            for _ in read_object(store, ref, record.called):
                pass
