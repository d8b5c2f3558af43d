"""The command line."""

import argparse

import pytest

from bench.__main__ import parts


def options(**told):
    defaults = dict.fromkeys(["rows", "dim", "batch", "threads", "runs", "dims"])
    return argparse.Namespace(smoke=False, only=None, **{**defaults, **told})


@pytest.mark.parametrize("name", ["ops", "ops-grid", "training", "serving"])
def test_every_bench_has_parts_that_are_not_begun_before_asked(name):
    assert parts(name, options())


def test_the_order_of_ops_begins_with_the_check():
    assert next(iter(parts("ops", options(rows=5)))) == "agreement"
