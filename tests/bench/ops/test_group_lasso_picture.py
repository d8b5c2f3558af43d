"""Points of many tables as a curve."""

from bench.ops.group_lasso_picture import draw_curve, summary

POINTS: list[dict[str, float | str]] = [
    {"form": form, "l21": l21, "zero": zero, "auc": auc}
    for form, l21, zero, auc in [
        ("prox", 0.1, 0.5, 0.7),
        ("prox", 0.0, 0.0, 0.6),
        ("prox", 0.1, 0.7, 0.8),
        ("prox", 0.1, 0.6, 0.6),
        ("dual_averaging", 0.1, 1.0, 0.5),
    ]
]


def test_a_curve_has_least_median_and_greatest_over_seeds():
    assert summary(POINTS, "prox") == [(0.0, (0.0, 0.0, 0.0), (0.6, 0.6, 0.6)), (0.1, (0.5, 0.6, 0.7), (0.6, 0.7, 0.8))]
    assert summary(POINTS, "published") == []


def test_the_picture_is_the_same_each_time(tmp_path):
    for name in ("a.svg", "b.svg"):
        draw_curve(POINTS, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.svg").read_text().rstrip().endswith("</svg>")
