"""The bench of CUDA graphs: what it says without a GPU, and figures of what a runner prints."""

import json
from dataclasses import replace

import numpy as np
from tandem_serving.graph.buckets import Buckets

from bench import machine, report
from bench.cudagraph import run
from bench.cudagraph.export import MODES, write


def test_without_a_gpu_it_says_so_and_makes_no_figure(monkeypatch, capsys):
    monkeypatch.setattr(run, "has_gpu", lambda: False)
    assert list(run.parts(smoke=True)["graphs"]()) == []
    assert capsys.readouterr().out.startswith("cudagraph not measured: no GPU;")


def test_the_page_says_so_too():
    origin = replace(machine.describe("ops", "make bench"), name="cudagraph")
    assert "\nnot measured: no GPU\n" in report.section(origin, [])


def line(mode, changing, mean, p99):
    told = {"mode": mode, "rows": 8, "changing": changing, "worst": 0.0, "device": "a GPU"}
    return told | {"calls": 100, "p50": mean, "p99": p99, "mean": mean}


def test_figures_compare_the_whole_graph_with_the_others():
    lines = [
        line(mode, changing, mean, 2 * mean)
        for changing in (False, True)
        for mode, mean in (("off", 300.0), ("on", 200.0), ("whole", 100.0))
    ]
    found = {figure.figure: figure for figure in run.figures(lines, 0.5)}
    steady = found["graph_on_off_b8"]
    assert (steady.ours, steady.peers, steady.ratio) == (80_000, {"off": 26_670, "on": 40_000}, 3.0)
    assert found["graph_on_off_b8_changing_p99_us"].ours == 200
    assert len(found) == 4


def test_the_export_is_whole(tmp_path):
    write(tmp_path, Buckets((1, 4)))
    told = json.loads((tmp_path / "run.json").read_text())
    arrays = np.load(tmp_path / "arrays.npz")
    assert (told["rows"], told["versions"], told["modes"]) == ([1, 4], 2, MODES)
    for rows in told["rows"]:
        text = (tmp_path / f"rows_{rows}.mlir").read_text()
        assert text.count("func.func") == 1
        assert f"func.func public @main(%arg0: tensor<{rows}x429xf32>" in text
        assert "tf." not in text
        assert arrays[f"answers_1_{rows}"].shape == (2, rows)
    assert {f"slot_1_{i}" for i in range(told["slots"])} <= set(arrays)
