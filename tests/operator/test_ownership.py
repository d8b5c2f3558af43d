"""Who may write into a model's part of the store."""

from dataclasses import replace

import pytest
from tandem_operator.api import ANNOTATION_ADOPT, Reason
from tandem_operator.observed import StoreView
from tandem_operator.ownership import NOBODY, claim
from tandem_wire.target import Owner, Target

from tests.operator.builders import CLUSTER, NOW, OWNER, base, online_model, target

FOREIGN = Owner("other-cluster", "other-uid")


def adopting(value: str):
    return online_model(meta={"annotations": {ANNOTATION_ADOPT: value}})


def store(here: Target | None, *bases: int) -> StoreView:
    return StoreView(here, None if here is None else "etag", {number: base(number) for number in bases})


def test_our_own_target_is_ours():
    assert claim(online_model(), store(target(), 0), CLUSTER, NOW).ours == target()


def test_a_new_model_begins_with_an_empty_target():
    assert claim(online_model(), store(None), CLUSTER, NOW).take == Target.first(OWNER, NOW)


def test_a_resource_made_anew_in_the_same_cluster_takes_over_by_itself():
    former = target(owner=Owner(CLUSTER, "former-uid"), candidate=1)
    taken = claim(online_model(), store(former, 0, 1), CLUSTER, NOW).take
    assert taken == replace(former, owner=OWNER, revision=former.revision + 1)


@pytest.mark.parametrize(
    "model", [online_model(), adopting("somebody/else"), adopting("true")], ids=["none", "other", "true"]
)
def test_a_foreign_owner_stops_every_write_and_the_sentence_names_the_remedy(model):
    refused = claim(model, store(target(owner=FOREIGN), 0), CLUSTER, NOW).refused
    assert refused is not None
    reason, sentence = refused
    assert reason is Reason.FOREIGN_OWNER
    assert f"{ANNOTATION_ADOPT}=other-cluster/other-uid" in sentence


def test_a_foreign_owner_is_adopted_by_its_name():
    taken = claim(adopting("other-cluster/other-uid"), store(target(owner=FOREIGN), 0), CLUSTER, NOW).take
    assert taken is not None
    assert (taken.owner, taken.stable) == (OWNER, 0)


def test_bases_without_a_target_stop_every_write():
    refused = claim(online_model(), store(None, 0, 1), CLUSTER, NOW).refused
    assert refused is not None
    assert refused[0] is Reason.TARGET_MISSING
    assert f"{ANNOTATION_ADOPT}={NOBODY}" in refused[1]


def test_bases_without_a_target_are_adopted_from_the_newest():
    taken = claim(adopting(NOBODY), store(None, 0, 1), CLUSTER, NOW).take
    assert taken is not None
    assert (taken.stable, taken.history[-1].how) == (1, "Adopted")
