"""Sides must have computed the same."""

import numpy as np
import pytest

from bench.ops.agreement import Disagreement, compare_rows

OURS = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


def test_rounding_is_let_pass_and_told():
    off = compare_rows("adam", {"ours": OURS, "gather": OURS, "tfra": OURS + np.float32(1e-6)})
    assert off["adam gather"] == 0
    assert off["adam tfra"] == pytest.approx(1e-6, rel=0.2)


@pytest.mark.parametrize("wrong", [0.001, -1.0, np.nan])
def test_another_row_is_refused_by_name(wrong):
    theirs = OURS.copy()
    theirs[1, 0] += wrong
    with pytest.raises(Disagreement, match=r"tfra differs from ours by .* after adam"):
        compare_rows("adam", {"ours": OURS, "tfra": theirs})
