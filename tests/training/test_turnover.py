import numpy as np
import pytest
import tandem_ops
from tandem_training.errors import UserError
from tandem_training.turnover import Sweeper, read_turnover

from tests.training.builders import T0


@pytest.mark.parametrize(
    ("admission", "rule"),
    [
        ({}, tandem_ops.Every()),
        ({"rule": "Count", "threshold": 3, "horizonSeconds": 60}, tandem_ops.CountAtLeast(3)),
        ({"rule": "Poisson", "horizonSeconds": 60}, tandem_ops.Poisson(10, horizon=60)),
        ({"rule": "GammaPoisson", "threshold": 5}, tandem_ops.GammaPoisson(5, horizon=86_400)),
    ],
)
def test_rules(admission, rule):
    assert read_turnover(admission, {}).admission == rule


def test_eviction():
    assert (read_turnover({}, {}).ttl, read_turnover({}, {}).zero_rows) == (None, True)
    found = read_turnover({}, {"ttlSeconds": 60, "zeroRows": False})
    assert (found.ttl, found.zero_rows) == (60, False)


@pytest.mark.parametrize(
    ("admission", "eviction", "message"),
    [
        ({"rule": "Always"}, {}, 'spec.training.admission.rule is "Always"; give one of Every'),
        ({"rule": "Count", "threshold": 0}, {}, "threshold is 0; it must lie in"),
        ({"limit": 3}, {}, "spec.training.admission.limit is not a field"),
        ({}, {"ttlSeconds": 0}, "spec.training.eviction.ttlSeconds is 0"),
        ({}, {"ttl": "1d"}, "spec.training.eviction.ttl is not a field"),
    ],
)
def test_refuses(admission, eviction, message):
    with pytest.raises(UserError, match=message):
        read_turnover(admission, eviction)


def table(optimizer: tandem_ops.Optimizer) -> tandem_ops.HashVariable:
    return tandem_ops.HashVariable("t", dim=2, initializer=tandem_ops.Uniform(0.1), optimizer=optimizer)


def test_rows_leave_when_no_sample_had_them_for_so_long():
    seen = table(tandem_ops.SGD(0.1))
    seen.lookup([1, 2], event_time=T0 // 1000)
    seen.lookup([2, 3], event_time=T0 // 1000 + 50)
    sweeper = Sweeper([seen], ttl=60, zero_rows=False)
    assert sweeper.sweep(T0 + 60_000) == 0
    assert sweeper.sweep(T0 + 61_000) == 1
    assert seen.keys().numpy().tolist() == [2, 3]
    assert seen.begin_delta().removed.tolist() == [1]


def test_zero_rows_leave_if_they_are_looked_for():
    shrunk = table(tandem_ops.GroupLasso(tandem_ops.SGD(0.1), l21=100.0))
    rows, handles = shrunk.lookup([1, 2])
    shrunk.apply(handles[:1], np.zeros_like(rows[:1]))
    assert Sweeper([shrunk], ttl=None, zero_rows=False).sweep(T0) == 0
    assert Sweeper([shrunk], ttl=None, zero_rows=True).sweep(T0) == 1
    assert shrunk.keys().numpy().tolist() == [2]
