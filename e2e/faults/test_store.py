"""What lies in the store is not what was written."""

# ruff: noqa: D103 - a test's name says what it shows
import threading

import pytest
from tandem_wire.layout import LogId, record_key
from tandem_wire.records import Kind, Part, Record

from e2e.demo.sinks import S3
from e2e.faults.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

TRIES = 20


def test_a_flipped_bit_is_refused_told_and_healed(world: World) -> None:
    with world.watched() as seen:
        key, whole, record = _corrupt_newest(world)
        world.until(f"status tells that {record.called} is refused", lambda: record.called in _told(world), seconds=60)
        told = _told(world)[record.called]
        assert "digest" in told, told
        world.until(f"answers past {record.called}", lambda: _past(world, record), seconds=120)
        # The answers of pods that had read it before are computed again from what was written.
        _write(world, key, whole)
    assert not seen.failures, seen.failures[0]


def _corrupt_newest(world: World) -> tuple[str, bytes, Record]:
    """Flip a bit of an update as soon as it is there, again and again until a pod stumbles over one."""
    s3 = world.play.s3()
    prefix = f"{world.kube.namespace}/{world.name}/"
    for _ in range(TRIES):
        record = _next_update(world)
        ref = next(one for one in record.objects if one.part is Part.SERVING)
        key = prefix + ref.key
        whole = _read(s3, key)
        _write(world, key, whole[:-1] + bytes([whole[-1] ^ 1]))
        if _reported(world, record):
            return key, whole, record
        _write(world, key, whole)
    pytest.fail(f"no pod read any of {TRIES} updates after its bit was flipped")


def _next_update(world: World) -> Record:
    """The next update that appears: looked for often, so that pods have not read it yet."""
    store = world.play.store()
    base, update = world.newest_update()
    slot = max(update, len(world.history().updates.get(base, ()))) + 1
    log = LogId.updates(base)
    found: list[Record] = []

    def there() -> bool:
        if store.head(record_key(log, slot)) is None:
            return False
        slots = world.history().updates[base]
        found.extend(one.record for one in slots[slot - 1 :] if one.record and one.record.kind is Kind.UPDATE)
        return True

    world.until(f"an update past {base}.{update}", there, 60)
    return found[0] if found else _next_update(world)


def _reported(world: World, record: Record) -> bool:
    """Whether a pod refuses the record within a few looks at the store."""
    pause = threading.Event()
    for _ in range(16):
        if record.called in _told(world):
            return True
        if _past(world, record):
            return False
        pause.wait(0.5)
    return record.called in _told(world)


def _told(world: World) -> dict[str, str]:
    updates = world.system.status(world.name).get("refusedUpdates") or []
    return {one["record"]: one["reason"] for one in updates}


def _past(world: World, record: Record) -> bool:
    return world.newest_update() > (record.number, record.slot)


def _read(s3: S3, key: str) -> bytes:
    return bytes(s3.client.get_object(Bucket="models", Key=key)["Body"].read())


def _write(world: World, key: str, data: bytes) -> None:
    world.play.s3().client.put_object(Bucket="models", Key=key, Body=data)
