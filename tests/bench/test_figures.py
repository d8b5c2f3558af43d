"""What a figure says of its runs."""

from dataclasses import replace

import pytest

from bench import figures
from bench.figures import Figure, compare, percentile


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([3.0], 99, 3.0),
        ([1.0, 2.0], 50, 1.0),
        ([2.0, 1.0], 51, 2.0),
        (list(range(1, 201)), 99, 198),
        ([5.0, 4.0], 100, 5.0),
    ],
)
def test_percentile(values, percent, expected):
    assert percentile(values, percent) == expected


def test_medians_spread_and_the_ratio_run_by_run():
    figure = compare(
        "f", "s", "M ids/s", {"ours": [10.0, 20.0, 60.0], "tfra": [1.0, 4.0, 5.0], "gather": [10.0] * 3}, load=1.234
    )
    assert figure == Figure(
        figure="f",
        setting="s",
        unit="M ids/s",
        ours=20.0,
        peers={"tfra": 4.0, "gather": 10.0},
        ratio=10.0,  # of 10, 5 and 12; the medians' would be 5
        runs=3,
        spread={"ours": [10.0, 60.0], "tfra": [1.0, 5.0], "gather": [10.0, 10.0]},
        load=1.23,
    )


def test_a_ratio_that_is_told_stands():
    assert compare("f", "s", "ms", {"ours": [3.0]}, load=0, ratio=1.2345).ratio == 1.23


@pytest.mark.parametrize("runs", [{}, {"ours": []}, {"ours": [1.0], "tfra": []}])
def test_sides_must_have_equally_many_runs(runs):
    with pytest.raises(ValueError, match="f: sides have"):
        compare("f", "s", "ms", runs, load=0)


def test_files_come_back(tmp_path):
    written = [compare("f", "größer", "x", {"ours": [1.0]}, load=0.5)]
    figures.write(tmp_path / "a" / "ops.json", written)
    assert figures.read(tmp_path / "a" / "ops.json") == written


def of(part, name, ours):
    return replace(compare(name, "s", "ms", {"ours": [ours]}, load=0), part=part)


def test_what_is_found_takes_the_place_of_what_its_part_had_under_that_name():
    kept = [of("b", "p99", 1.0), of("gone", "x", 9.0), of("a", "p99", 2.0), of("a", "rows", 3.0)]
    found = [of("a", "p99", 4.0), of("a", "p99", 5.0)]
    both = figures.renewed(kept, found, ["a", "b"])
    assert [(each.part, each.figure, each.ours) for each in both] == [
        ("gone", "x", 9.0),
        ("a", "rows", 3.0),
        ("a", "p99", 4.0),
        ("a", "p99", 5.0),
        ("b", "p99", 1.0),
    ]
