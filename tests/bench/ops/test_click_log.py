"""A click log as ids."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.ops.click_log import FIELDS, cross, read_log


def test_crosses_are_other_ids_in_every_field_and_for_every_order():
    one, two = np.array([1, 2, 1]), np.array([2, 1, 2])
    crossed = cross(0, [one, two])
    assert crossed[0] == crossed[2]
    assert len({*crossed.tolist(), *cross(1, [one, two]).tolist(), *cross(0, [one]).tolist()}) == 6


def test_a_log_is_read_in_order(tmp_path):
    names = sorted({name for field in FIELDS for name in field})
    columns = {name: np.array([3, 3, 4]) + i for i, name in enumerate(names)}
    pq.write_table(pa.table({**columns, "click": [1, 0, 1], "other": [0, 0, 0]}), tmp_path / "log.parquet")
    stream = read_log(tmp_path / "log.parquet")
    assert stream.labels.tolist() == [1.0, 0.0, 1.0]
    assert stream.ids.shape == (3, len(FIELDS))
    assert (stream.ids[0] == stream.ids[1]).all()
    assert (stream.ids[0] != stream.ids[2]).all()
    assert len(np.unique(stream.ids)) == 2 * len(FIELDS)
    assert stream.signal.size == 0
