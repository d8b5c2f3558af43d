"""The facts that are more than a field of what was observed."""

from dataclasses import replace

from tandem_operator.facts import situation
from tandem_operator.observed import JobPhase

from tests.operator.builders import (
    MINUTE,
    NOW,
    RUN,
    SECOND,
    a_child,
    b_child,
    base,
    job,
    log,
    online_model,
    store_of,
    streaming,
    table,
    target,
)

MODEL = online_model({"promotion": {"swapEvery": "3h"}})
AT_WORK = job(a_child(MODEL, RUN), created=NOW - MINUTE)


@table(
    "jobs claimed expected",
    [
        ("no trainer", (), NOW, None),
        ("its libraries are still being imported", (AT_WORK,), None, None),
        ("it has claimed its log", (AT_WORK,), NOW - SECOND, NOW - SECOND),
        ("a former one had", (AT_WORK,), NOW - 2 * MINUTE, None),
        ("it is being ended", (replace(AT_WORK, deleting=True),), NOW, None),
        ("it has ended", (replace(AT_WORK, phase=JobPhase.FAILED),), NOW, None),
    ],
)
def test_when_a_run_began(jobs, claimed, expected):
    seen = streaming(MODEL, {"runs": {1: log(1, claimed=claimed)}}, jobs=jobs)
    here = situation(MODEL, seen, store_of(seen), target(run=RUN), NOW)
    assert here.began == expected
    assert (here.work.cut is not None) == (expected is not None)


def caught(update: int, claimed_at: int, watermark, began=NOW):
    """Judge candidate 1 in Overlap by its log and its Model B."""
    here = target(candidate=1)
    logs = {0: log(0, watermark=NOW), 1: log(1, last=claimed_at, update=update, watermark=watermark)}
    seen = streaming(
        MODEL,
        {"target": here, "updates": logs},
        bases=[base(0, watermark=NOW), base(1, watermark=NOW)],
        jobs=(job(b_child(MODEL, 1), started=began),),
    )
    return situation(MODEL, seen, store_of(seen), here, NOW).facts.verified


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
