import numpy as np
import pytest

from e2e.demo.judge import chosen, difference, score_all
from e2e.demo.logs import Answer, Block
from e2e.demo.truth import Truth

HALF = np.full(4, 0.5, np.float32)


def answer(at_ms, version, block=0, ctr=HALF):
    return Answer(block, "0.0", at_ms, at_ms + 1, version, ctr, HALF)


def test_the_chosen_answers_hold_each_bases_first_and_last():
    answers = [answer(n, (1 + n // 40) * 10**9 + n % 40) for n in range(200)]
    picked = chosen(answers, 10)
    times = {one.asked_ms for one in picked}
    assert {0, 39, 40, 79, 80, 119, 120, 159, 160, 199} <= times
    assert len(picked) <= 20
    assert [one.version for one in picked] == sorted(one.version for one in picked)
    assert chosen([], 10) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [(HALF, 0.0), (HALF + np.float32(0.25), 0.25), (HALF[:3], float("inf"))],
    ids=["same", "differs", "another shape"],
)
def test_difference(given, expected):
    assert difference(answer(0, 0, ctr=given), {"ctr": HALF, "cvr": HALF}) == expected


def test_columns_stand_side_by_side():
    truth = Truth(3)
    blocks = {n: Block(n, 1000 * n, truth.draw(0.0, 4)) for n in range(3)}
    scored = score_all(
        [answer(5, 1, 2), answer(6, 1, 0)], blocks, {"ctr": np.ones(8, np.float32), "cvr": np.ones(8, np.float32)}
    )
    assert scored.event_ms.tolist() == [2000] * 4 + [0] * 4
    assert scored.click[:4].tolist() == blocks[2].batch.click.tolist()
    assert scored.ctr["truth"][4:].tolist() == blocks[0].batch.true_ctr.tolist()
    assert all(len(values) == 8 for judged in (scored.ctr, scored.cvr) for values in judged.values())


def test_no_answers_give_empty_columns():
    scored = score_all([], {}, {"ctr": np.zeros(0, np.float32), "cvr": np.zeros(0, np.float32)})
    assert len(scored.event_ms) == len(scored.click) == len(scored.ctr["served"]) == 0
