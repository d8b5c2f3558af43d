"""A log is scored before it is learned, hour by hour."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tandem_ops import CountAtLeast, Every

from bench.ops import admission_globo
from bench.ops.admission_globo import HOUR, Outcome, replay, rules, run, table
from bench.ops.planted import Stream


def clicks(samples, seed):
    """Two ids a sample; the first decides the click, from the second day on too."""
    random = np.random.default_rng(seed)
    ids = np.stack([random.integers(0, 40, samples), 1000 + random.integers(0, 5000, samples)], axis=1)
    labels = (random.random(samples) < np.where(ids[:, 0] < 20, 0.8, 0.1)).astype(np.float32)
    return Stream(ids, labels, np.empty(0), np.empty(0, np.bool_)), np.sort(random.integers(0, 30 * HOUR, samples))


def test_rare_ids_have_no_row_and_nothing_is_lost():
    stream, seconds = clicks(60_000, 1)
    every, of_all, _ = replay(stream, seconds, Every(), 0)
    count, of_frequent, hourly = replay(stream, seconds, CountAtLeast(100), 0)
    assert every.rows() > 5000
    assert count.rows() == 40
    assert of_all > 0.8
    assert of_frequent == pytest.approx(of_all, abs=0.02)
    assert hourly == pytest.approx(of_frequent, abs=0.02)


def test_a_log_is_read_and_outcomes_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(admission_globo, "RESULTS", tmp_path / "out" / "globo.json")
    stream, seconds = clicks(4_000, 2)
    columns = ["article_id", "prev_article_id", "user_id", "region", "referrer_type"]
    log = {name: stream.ids[:, i % 2] for i, name in enumerate(columns)}
    pq.write_table(
        pa.table({"click": stream.labels.astype(np.int8), "ts_ms": 10**12 + 1000 * seconds, **log}),
        tmp_path / "log.parquet",
    )
    outcomes = run(tmp_path / "log.parquet", list(rules([3], 10, [0.5])), seeds=[0])
    assert [o.rule.split("(")[0] for o in outcomes] == [
        "Every",
        "CountAtLeast",
        "Bernoulli",
        "Poisson",
        "GammaPoisson",
    ]
    assert all(0 < o.rows <= outcomes[0].rows for o in outcomes)
    assert "CountAtLeast" in (tmp_path / "out" / "globo.json").read_text()


def test_the_page_compares_seed_by_seed():
    outcomes = [
        Outcome("Every", 0, 1000, 0, 0.80, 0.79),
        Outcome("Every", 1, 2000, 0, 0.70, 0.69),
        Outcome("Rule", 0, 400, 100, 0.799, 0.79),
        Outcome("Rule", 1, 800, 100, 0.699, 0.68),
    ]
    assert "| Rule | 600 | 40.0% | 47.5% | 0.7490 | -0.0010 | -0.0050 |" in table(outcomes)
