"""What is simulated, and what is said of it."""

from dataclasses import asdict

import numpy as np
import pytest
from tandem_ops import Bernoulli, CountAtLeast, Every, GammaPoisson

from bench.ops import admission_picture
from bench.ops.admission_simulation import ROW_BYTES, Outcome, Simulation, draw, rules, simulate, summary, table

SMALL = Simulation(events=20_000, ids=4_000, batch=256)


def test_a_seed_draws_the_same_stream_with_zipfs_shares():
    ids = draw(SMALL, 3)
    assert np.array_equal(ids, draw(SMALL, 3))
    assert not np.array_equal(ids, draw(SMALL, 4))
    counts = np.bincount(ids, minlength=SMALL.ids)
    assert counts[0] / counts[:2].sum() == pytest.approx(1 / (1 + 2**-1.05), abs=0.02)
    assert ids.min() == 0
    assert ids.max() < SMALL.ids


def test_rows_and_losses_are_counted():
    ids = draw(SMALL, 0)
    counts = np.bincount(ids)
    useful = counts[counts >= SMALL.threshold]
    every = simulate(SMALL, ids, Every(), "", 0)
    assert (every.rows, every.lost, every.sketch_rows) == (int(np.count_nonzero(counts)), 0, 0)
    count = simulate(SMALL, ids, CountAtLeast(SMALL.threshold, sketch_bytes=2**20), "", 0)
    assert count.rows == pytest.approx(len(useful), rel=0.01)  # fingerprints that two ids share
    assert count.lost == pytest.approx(9 * len(useful) / useful.sum(), rel=0.02)
    assert count.sketch_rows == -(-(2**20) // ROW_BYTES)


def test_gamma_poisson_makes_fewer_rows_than_a_draw_and_loses_less():
    ids = draw(SMALL, 1)
    bernoulli = simulate(SMALL, ids, Bernoulli(0.1), "", 1)
    rule = GammaPoisson(SMALL.threshold, ends_at=SMALL.events, confidence=0.3, sketch_bytes=2**18)
    ours = simulate(SMALL, ids, rule, "", 1)
    assert ours.rows < bernoulli.rows
    assert ours.lost < bernoulli.lost / 2


def outcomes():
    for seed in range(3):
        for told, rule in rules(SMALL):
            name = type(rule).__name__
            rows = {"Every": 4000, "GammaPoisson": 700}.get(name, 900)
            yield Outcome(name, told, seed, rows + seed, 100, 0.0 if name == "Every" else 0.005 + seed / 1000)


def test_the_figures_have_their_ratios():
    lost, rows = summary(SMALL, list(outcomes()), 0.5)
    assert (lost.figure, lost.ours, lost.ratio, lost.runs) == ("admission_lost", 0.6, 0.6, 3)
    assert (rows.figure, rows.ours, rows.ratio) == ("admission_rows", 801, 0.195)
    assert set(rows.peers) == {"none", "count", "bernoulli", "poisson"}


def test_the_page_and_the_picture_name_every_rule(tmp_path):
    found = [asdict(outcome) for outcome in outcomes()]
    page = table(found)
    assert page.count("\n") == 1 + len(list(rules(SMALL)))
    assert "| GammaPoisson | q ≥ 0.15 | 701 | 801 | 0.60 % (0.50 … 0.70) |" in page
    admission_picture.draw_tradeoff(found, tmp_path / "a.svg")
    admission_picture.draw_tradeoff(found, tmp_path / "b.svg")
    picture = (tmp_path / "a.svg").read_bytes()
    assert picture == (tmp_path / "b.svg").read_bytes()
    assert b"<svg" in picture
