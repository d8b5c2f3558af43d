"""target.json: changed by compare-and-swap only, never taken for absent when it can't be read."""

import dataclasses

import pytest
from tandem_wire.errors import Conflict, NotFound, Refused
from tandem_wire.layout import TARGET
from tandem_wire.store import Store
from tandem_wire.target import Owner, Target, read_target, read_target_if_changed, write_target

from tests.wire.builders import T0
from tests.wire.golden_values import VALUES

FIRST = Target.first(Owner("cluster", "resource"), T0)


def test_the_first_write_wins(store: Store) -> None:
    assert read_target(store) is None
    etag = write_target(store, FIRST, None)
    assert read_target(store) == (FIRST, etag)
    with pytest.raises(Conflict):
        write_target(store, FIRST, None)


def test_each_transition_happens_once(store: Store) -> None:
    first = write_target(store, FIRST, None)
    second = dataclasses.replace(FIRST, revision=2, stable=0)
    etag = write_target(store, second, first)
    with pytest.raises(Conflict):
        write_target(store, dataclasses.replace(FIRST, revision=2, stable=1), first)
    assert read_target(store) == (second, etag)


def test_only_a_change_is_read_again(store: Store) -> None:
    with pytest.raises(NotFound):
        read_target_if_changed(store, "etag")
    first = write_target(store, FIRST, None)
    assert read_target_if_changed(store, first) is None
    second = dataclasses.replace(FIRST, revision=2)
    etag = write_target(store, second, first)
    assert read_target_if_changed(store, first) == (second, etag)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"format":"tandem.target/2"}', VALUES["target"].to_json().encode()[:-1]]
)
def test_what_is_no_target_is_refused(local: Store, data: bytes) -> None:
    local.put(TARGET, data)
    with pytest.raises(Refused, match=r"^target\.json: "):
        read_target(local)
    with pytest.raises(Refused, match=r"^target\.json: "):
        read_target_if_changed(local, "etag")


PODS = [("a", 18), ("c", 17)]


@pytest.mark.parametrize(("pod", "base"), PODS)
def test_a_pod_runs_the_candidate_if_it_is_named(pod: str, base: int) -> None:
    target = dataclasses.replace(FIRST, stable=17, candidate=18, candidate_pods=("a", "b"))
    assert target.base_for(pod) == base
    assert dataclasses.replace(target, candidate=None).base_for(pod) == 17
