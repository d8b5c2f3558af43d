"""The facts that are more than a field of what was observed."""

from datetime import timedelta

from tandem_operator.facts import situation
from tandem_operator.observed import JobPhase, StoreView
from tandem_wire.target import Run

from tests.operator.builders import (
    MINUTE,
    NOW,
    a_child,
    b_child,
    base,
    job,
    log,
    observed,
    online_model,
    pod,
    table,
    target,
)

MODEL = online_model({"promotion": {"swapEvery": "3h"}})
RUN = Run(0, 1)
AT_WORK = job(a_child(MODEL, RUN), created=NOW - MINUTE)
SECOND = timedelta(seconds=1)


@table(
    "jobs claimed expected",
    [
        ("no trainer", (), NOW, None),
        ("its libraries are still being imported", (AT_WORK,), None, None),
        ("it has claimed its log", (AT_WORK,), NOW - SECOND, NOW - SECOND),
        ("a former one had", (AT_WORK,), NOW - 2 * MINUTE, None),
        ("it is being ended", (job(a_child(MODEL, RUN), created=NOW - MINUTE, deleting=True),), NOW, None),
        ("it has ended", (job(a_child(MODEL, RUN), created=NOW - MINUTE, phase=JobPhase.FAILED),), NOW, None),
    ],
)
def test_when_a_run_began(jobs, claimed, expected):
    store = {"target": target(run=RUN), "runs": {1: log(1, claimed=claimed)}}
    seen = observed(MODEL, [base(0)], store=store, jobs=jobs)
    assert isinstance(seen.store, StoreView)
    here = situation(MODEL, seen, seen.store, target(run=RUN), NOW)
    assert here.began == expected
    assert (here.work.cut is not None) == (expected is not None)


def caught(update: int, claimed_at: int, watermark, began=NOW):
    """Judge candidate 1 in Overlap by its log and its Model B."""
    here = target(candidate=1)
    logs = {0: log(0, watermark=NOW), 1: log(1, last=claimed_at, update=update, watermark=watermark)}
    seen = observed(
        MODEL,
        [base(0, watermark=NOW), base(1, watermark=NOW)],
        store={"target": here, "updates": logs},
        pods=(pod("p0", 0),),
        jobs=(job(b_child(MODEL, 1), started=began),),
    )
    assert isinstance(seen.store, StoreView)
    return situation(MODEL, seen, seen.store, here, NOW).facts.verified


@table(
    "update claimed_at watermark began expected",
    [
        ("its Model B has not begun", 0, 0, None, NOW, False),
        ("it has claimed its log only", 0, 1, None, NOW, False),
        ("it publishes and is near", 2, 2, NOW - MINUTE, NOW, True),
        ("nothing to publish for a while", 0, 1, None, NOW - MINUTE, True),
    ],
)
def test_a_candidate_waits_for_its_own_updates(*, update, claimed_at, watermark, began, expected):
    assert caught(update, claimed_at, watermark, began) is expected
