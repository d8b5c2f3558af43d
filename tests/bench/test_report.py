"""BENCHMARKS.md from figures."""

from dataclasses import replace

from bench import figures, report
from bench.figures import compare
from bench.machine import Run

RUN = Run("ops", "make bench NAME=ops", "2026-11-21 19:00 UTC", "abc1234", "2 x CPU, AVX2, 24 GiB", (0.5, 1.0, 2.0))


def test_a_line_has_medians_spread_and_the_ratio_to_each_peer():
    text = report.section(
        RUN,
        [
            compare(
                "lookup",
                "4 M rows",
                "M ids/s",
                {"ours": [30.0, 40.0], "gather": [10.0, 20.0], "tfra": [7.0, 7.0]},
                load=1,
            )
        ],
    )
    assert "`make bench NAME=ops` · 2026-11-21 19:00 UTC · commit abc1234 · 2 x CPU, AVX2, 24 GiB" in text
    assert "load average at the start 0.50 / 1.00 / 2.00" in text
    assert (
        "| lookup | 4 M rows | **35 (30 … 40)** M ids/s | gather 15 (10 … 20)<br>tfra 7 (7 … 7) "
        "| **2.5** (gather 2.33, tfra 5) | 2 | 1 |"
    ) in text


def test_a_figure_without_peers():
    assert "| worst | s | **5 (5 … 5)** ms | - | - | 1 | 0 |" in report.section(
        RUN, [compare("worst", "s", "ms", {"ours": [5.0]}, load=0)]
    )


def test_a_figure_of_an_earlier_run_names_its_commit():
    figure = compare("worst", "s", "ms", {"ours": [5.0]}, load=0)
    older, same = (replace(figure, commit=commit) for commit in ("0dd5eed", RUN.commit))
    assert "| worst | s; measured before, on commit 0dd5eed |" in report.section(RUN, [older])
    assert "| worst | s |" in report.section(RUN, [same])


def test_the_page_has_every_bench_of_the_folder(tmp_path):
    for name in ("training", "ops"):
        figures.write(tmp_path / f"{name}.json", [compare(f"of_{name}", "s", "ms", {"ours": [5.0]}, load=0)])
        report.write_run(tmp_path / f"{name}.run.json", Run(name, *[getattr(RUN, f) for f in RUN.__slots__[1:]]))
    assert report.read_run(tmp_path / "ops.run.json") == RUN
    report.write_page(tmp_path, tmp_path / "PAGE.md")
    page = (tmp_path / "PAGE.md").read_text()
    assert page.index("of_ops") < page.index("of_training")
    assert page.startswith("# Benchmarks\n")
