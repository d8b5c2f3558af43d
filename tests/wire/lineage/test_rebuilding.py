"""What any pod serves is rebuilt bit for bit, whichever way it came there (I2)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem_wire.__main__ import state_tensors
from tandem_wire.errors import NotFound, Refused
from tandem_wire.lineage import Follower, Step, apply, load_base, rebuild
from tandem_wire.records import Part
from tandem_wire.store.local import LocalStore
from tandem_wire.tensors import pack
from tandem_wire.version import Version

from tests.wire.builders import Lineage, damage
from tests.wire.places import fast_folder

BRANDS = st.dictionaries(st.integers(-3, 6), st.floats(-4, 4, width=32), max_size=4)
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["update", "keyframe", "poll"]), BRANDS, st.sets(st.integers(-3, 6))), max_size=8
)


@settings(max_examples=20, deadline=None)
@given(ACTIONS)
def test_every_served_version_is_rebuilt_bit_for_bit(actions) -> None:
    with fast_folder() as folder:
        lineage = Lineage(LocalStore(folder))
        follower, state = Follower(lineage.store, 0), load_base(lineage.store, 0)
        table = {1: 1.0, 3: 3.0, 5: 5.0}
        served = {state.version: pack(state_tensors(state))}
        for step, (action, brands, removed) in enumerate([*actions, ("poll", {}, set())]):
            if action == "update":
                gone = sorted(removed - set(brands))
                table = {k: v for k, v in {**table, **brands}.items() if k not in gone}
                lineage.update(brands, gone, step)
            elif action == "keyframe":
                lineage.keyframe(table, step)
            else:
                for found in follower.poll():
                    assert isinstance(found, Step)
                    state = apply(state, found.record, found.tensors)
                    served[state.version] = pack(state_tensors(state))
        for version, tensors in served.items():
            rebuilt = rebuild(lineage.store, version.base, version.update)
            assert rebuilt.version == version
            assert pack(state_tensors(rebuilt)) == tensors
        assert {int(k) for k in state.tables["brand"].keys} == set(table)


def test_the_newest_stops_before_what_is_altered(local: LocalStore) -> None:
    lineage = Lineage(local)
    lineage.update({1: 1.5})
    bad = lineage.update({1: 2.5})
    damage(local, next(ref.key for ref in bad.objects if ref.part is Part.SERVING))
    assert rebuild(local, 0).version == Version(0, 2)
    with pytest.raises(Refused, match="updates/0/3: digest"):
        rebuild(local, 0, 3)


def test_versions_that_never_were(local: LocalStore) -> None:
    lineage = Lineage(local)
    lineage.update({1: 1.5})
    with pytest.raises(NotFound):
        rebuild(local, 0, 3)
    with pytest.raises(NotFound):
        rebuild(local, 1)
    with pytest.raises(Refused, match="is a barrier"):
        rebuild(local, 0, 1)
    assert rebuild(local, 0, 0).version == Version(0, 0)
