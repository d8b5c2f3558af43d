import numpy as np
import pandas as pd
import pytest

from e2e.demo.errors import BadLogError
from e2e.demo.replay import COLUMNS, Replay, features


def log(rows=400, users=20):
    rng = np.random.default_rng(1)
    made = pd.DataFrame({name: rng.integers(0, 5, rows) for name in COLUMNS})
    made["ts_ms"] = 1_507_000_000_000 + rng.permutation(rows) * 1000
    made["user_id"] = rng.integers(0, users, rows)
    made["click"] = rng.integers(0, 2, rows)
    made["conversion"] = rng.integers(0, 2, rows)
    return made


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz"])
def test_all_rows_play_once_in_order(tmp_path, suffix):
    path = tmp_path / f"log{suffix}"
    written = log()
    if suffix == ".parquet":
        written.to_parquet(path)
    else:
        written.to_csv(path, index=False)
    replay = Replay(path, most_rows=1000)
    parts = [replay.draw(0.0, 150) for _ in range(4)]
    assert [len(part) for part in parts] == [150, 150, 100, 0]
    ordered = written.sort_values("ts_ms")
    assert np.concatenate([part.features.user_id for part in parts]).tolist() == ordered["user_id"].tolist()
    assert np.concatenate([part.click for part in parts]).tolist() == ordered["click"].tolist()
    assert all(np.isnan(part.true_ctr).all() for part in parts)
    assert replay.left == 0


def test_a_log_too_large_loses_whole_users(tmp_path):
    path = tmp_path / "log.parquet"
    written = log(rows=20_000, users=500)
    written.to_parquet(path)
    replay = Replay(path, most_rows=5000)
    kept = replay.draw(0.0, 20_000)
    assert 2500 < len(kept) < 7500
    per_user = written.groupby("user_id").size()
    users, counts = np.unique(kept.features.user_id, return_counts=True)
    assert counts.tolist() == per_user[users].tolist()


def test_a_conversion_needs_a_click(tmp_path):
    path = tmp_path / "log.parquet"
    log().to_parquet(path)
    batch = Replay(path, most_rows=1000).draw(0.0, 400)
    assert batch.conversion.any()
    assert not batch.conversion[batch.click == 0].any()


def test_features_do_not_look_ahead_nor_at_labels():
    whole = log().sort_values("ts_ms").reset_index(drop=True)
    start = whole.iloc[:200].assign(click=0, conversion=0)
    of_whole, of_start = features(whole), features(start)
    assert np.isfinite(of_whole.numeric).all()
    assert np.array_equal(of_whole.numeric[:200], of_start.numeric)


def test_refusals_say_what_to_do(tmp_path):
    with pytest.raises(BadLogError, match="no such file"):
        Replay(tmp_path / "none.parquet", 10)
    path = tmp_path / "log.csv"
    log().drop(columns=["region", "click"]).to_csv(path, index=False)
    with pytest.raises(BadLogError, match="region, click are missing"):
        Replay(path, 10)
