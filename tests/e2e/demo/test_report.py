import json

import numpy as np
import pytest

from e2e.demo.evidence import Evidence, Moments, PodSeen, find
from e2e.demo.logs import Answer, Failure, Scored
from e2e.demo.picture import draw
from e2e.demo.report import save, text
from e2e.demo.truth import Truth
from e2e.faults.invariants import Broken, Recomputed

LIVE = 1_700_000_000_000


def evidence(**changes):
    batch = Truth(7).draw(0.0, 6000)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, 6000)
    event_ms = LIVE + np.sort(rng.integers(0, 300_000, 6000))
    scored = Scored(
        event_ms=event_ms,
        click=batch.click,
        conversion=batch.conversion,
        ctr={"served": batch.true_ctr + 0.05 * noise, "frozen": noise, "truth": batch.true_ctr},
        cvr={"served": batch.true_cvr + 0.05 * noise, "frozen": noise, "truth": batch.true_cvr},
    )
    empty = np.zeros(0, np.float32)
    answers = [
        Answer(n, "0.0", LIVE + n * 1000, LIVE + n * 1000 + 20, (1 + n // 70) * 10**9 + n % 70, empty, empty)
        for n in range(300)
    ]
    values = {
        "source": "synthetic, seed 7",
        "known_truth": True,
        "moments": Moments(LIVE, LIVE, LIVE + 40_000, LIVE + 250_000, LIVE + 300_000),
        "scored": scored,
        "answers": answers,
        "failures": [],
        "late": 2,
        "watermark_ms": {answer.version: answer.asked_ms - 4000 for answer in answers},
        "recomputed": [Recomputed(10**9, 0, 0.0)],
        "broken": [],
        "pods_before": [PodSeen("p", "u1", 0)],
        "pods_after": [PodSeen("p", "u1", 0)],
        "mode_after": "Daily",
        "freshness_target": 20.0,
        "lines": ["NAME  MODE", "demo  Promotion"],
    }
    return Evidence(**{**values, **changes})


def unheld(seen):
    return [check.name for check in find(seen, 30_000).checks if not check.held]


def test_all_holds_when_all_is_well():
    found = find(evidence(), 30_000)
    assert [check.name for check in found.checks if not check.held] == []
    assert found.held
    assert found.fresh is not None
    assert found.fresh.p50 == pytest.approx(4.02)
    assert [base for _, base in found.swaps] == [1, 2, 3, 4, 5]
    assert len(found.windows) == 10
    assert found.total.samples == pytest.approx(5200, abs=150)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"failures": [Failure(3, "0.0", 0, 5, "UNAVAILABLE", "gone")]}, "every question is answered"),
        ({"recomputed": []}, "no answer mixes versions"),
        ({"broken": [Broken("I2", "the answer differs")]}, "no answer mixes versions"),
        ({"broken": [Broken("I3", "fell back")]}, "the store's records hold I3 to I5"),
        ({"pods_after": [PodSeen("p", "u2", 0)]}, "Promotion changes to Daily without a serving restart"),
        ({"pods_after": [PodSeen("p", "u1", 1)]}, "Promotion changes to Daily without a serving restart"),
        ({"mode_after": "Promotion"}, "Promotion changes to Daily without a serving restart"),
        ({"freshness_target": 4.0}, "answers are fresh"),
        ({"watermark_ms": {}}, "answers are fresh"),
    ],
)
def test_one_thing_wrong_is_one_thing_not_held(changes, expected):
    assert unheld(evidence(**changes)) == [expected]


def test_too_few_swaps_are_not_enough():
    seen = evidence()
    assert unheld(evidence(answers=[one for one in seen.answers if one.base < 4])) == ["at least 3 full swaps"]


def test_a_frozen_base_as_good_is_no_gain():
    seen = evidence()
    same = Scored(
        seen.scored.event_ms,
        seen.scored.click,
        seen.scored.conversion,
        {**seen.scored.ctr, "frozen": seen.scored.ctr["served"]},
        seen.scored.cvr,
    )
    assert unheld(evidence(scored=same)) == ["live-updated beats the frozen base (CTR)"]


def test_nothing_seen_holds_nothing():
    none = np.zeros(0, np.float32)
    nothing = Scored(none.astype(np.int64), none, none, {}, {})
    found = find(evidence(answers=[], scored=nothing, recomputed=[]), 30_000)
    assert not any(check.held for check in found.checks[:2])
    assert "not known" in text(evidence(answers=[], scored=nothing), found)


def test_the_report_says_what_was_found(tmp_path):
    seen = evidence(failures=[Failure(3, "0.0", 0, 5, "UNAVAILABLE", "gone")])
    found = find(seen, 30_000)
    shown = text(seen, found)
    assert "NOT HELD  every question is answered (300 answers, 1 errors: UNAVAILABLE gone)" in shown
    assert "base 2" in shown
    assert "promotion begins" in shown
    save(tmp_path, seen, found)
    read = json.loads((tmp_path / "report.json").read_text())
    assert read["held"] is False
    assert read["kubectl"] == ["NAME  MODE", "demo  Promotion"]
    assert len(read["windows"]) == 10
    assert len((tmp_path / "report.csv").read_text().splitlines()) == 11


def test_the_picture_is_drawn(tmp_path):
    seen = evidence()
    draw(tmp_path / "demo.png", seen, find(seen, 30_000))
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
