"""What lies in the store is not what was written."""

# ruff: noqa: D103 - a test's name says what it shows
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tandem_wire.layout import LogId
from tandem_wire.log import list_slots, read_record
from tandem_wire.records import Kind, Part, Record

from e2e.demo.history import effective
from e2e.faults.kill import cut
from e2e.faults.world import S3_PORT, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

LONG = "900s"


def test_a_flipped_bit_is_refused_told_and_healed(world: World, own_cluster: None) -> None:  # noqa: ARG001
    with _no_swaps(world), world.watched() as seen:
        with _pods_cut_off(world):
            record = _next_update(world)
            key, whole = _flip(world, record)
        base, slot = record.number, record.slot
        try:
            world.until(f"status tells that {record.called} is refused", lambda: record.called in _told(world), 60)
            assert "digest" in _told(world)[record.called]
            world.until(f"answers past {record.called}", lambda: world.newest_update() > (base, slot), 90)
        finally:
            _write(world, key, whole)
        assert world.newest_update()[0] == base, "a swap healed it, not a keyframe"
        past = min(answer.update for answer in seen.answers if answer.base == base and answer.update > slot)
        records = effective(world.history().updates[base])
        keyframes = [one for one in records if slot < one.slot <= past and one.kind is Kind.KEYFRAME]
        assert keyframes, f"{base}.{past} answered, and no keyframe stands between it and {record.called}"
    assert not seen.failures, seen.failures[0]


@contextmanager
def _no_swaps(world: World) -> Iterator[None]:
    """Let no new base come meanwhile: it would heal everything."""
    often = f"{world.play.plan.swap_every}s"
    world.kube.patch("om", world.name, {"spec": {"promotion": {"swapEvery": LONG}}})
    try:
        world.until("no base is on its way", lambda: _quiet(world), 120)
        yield
    finally:
        world.kube.patch("om", world.name, {"spec": {"promotion": {"swapEvery": often}}})


def _quiet(world: World) -> bool:
    target = world.history().target
    return (
        target is not None
        and target.candidate is None
        and (target.run is None or target.run.cut is None)
        and world.play.newest_base() == target.stable
        and max(world.history().bases) == target.stable
    )


@contextmanager
def _pods_cut_off(world: World) -> Iterator[None]:
    """Let no serving pod read the store meanwhile, so that none reads what is about to be flipped."""
    store = world.address("app.kubernetes.io/name=seaweedfs")
    pods = world.kube.items("pods", "-l", f"tandem.dev/model={world.name},tandem.dev/role=serving")
    with ExitStack() as stack:
        for pod in pods:
            stack.enter_context(cut(world.kube, pod["status"]["podIP"], store, S3_PORT))
        yield


def _next_update(world: World) -> Record:
    """The next update of the lineage that answers; keyframes and barriers are passed over."""
    store, log = world.play.store(), LogId.updates(world.newest_update()[0])
    after = max(list_slots(store, log), default=0)
    found: list[Record] = []

    def there() -> bool:
        records = [read_record(store, log, slot) for slot in list_slots(store, log, after)]
        found.extend(one for one in records if one.kind is Kind.UPDATE)
        return bool(found)

    world.until(f"an update after {log.called(after)}", there, 60)
    return found[0]


def _flip(world: World, record: Record) -> tuple[str, bytes]:
    """Flip the last bit of the record's serving object; returns its key and the bytes that were there."""
    ref = next(one for one in record.objects if one.part is Part.SERVING)
    key = f"{world.kube.namespace}/{world.name}/{ref.key}"
    whole = bytes(world.play.s3().client.get_object(Bucket="models", Key=key)["Body"].read())
    _write(world, key, whole[:-1] + bytes([whole[-1] ^ 1]))
    return key, whole


def _write(world: World, key: str, data: bytes) -> None:
    world.play.s3().client.put_object(Bucket="models", Key=key, Body=data)


def _told(world: World) -> dict[str, str]:
    updates = world.system.status(world.name).get("refusedUpdates") or []
    return {one["record"]: one["reason"] for one in updates}
