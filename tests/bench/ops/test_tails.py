"""Latencies of calls at fixed times, and what a call took without what was stolen."""

import itertools
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.ops.tails import NATIVE, Tail, queued, tail

HERE = Path(__file__).parent


@given(st.lists(st.floats(0.0, 10.0), min_size=1), st.floats(0.01, 5.0))
def test_calls_in_a_queue_end_in_order_and_never_sooner_than_alone(services, period):
    latencies = queued(services, period)
    ends = [number * period + latency for number, latency in enumerate(latencies)]
    assert all(latency >= service for latency, service in zip(latencies, services, strict=True))
    gaps = [after - before for before, after in itertools.pairwise(ends)]
    assert all(gap >= service - 1e-9 for gap, service in zip(gaps, services[1:], strict=True))


def test_a_late_call_makes_those_behind_it_late_too():
    # The second takes 2.5 periods, so that the third and fourth wait; the fifth is on time again.
    assert queued([0.2, 2.5, 0.2, 0.2, 0.2], 1.0) == pytest.approx([0.2, 2.5, 1.7, 0.9, 0.2])


def test_a_tail_has_what_was_stolen_on_the_wall_only():
    services = [200] * 98 + [700] * 2
    wall = [*services[:-2], 5_000, 5_000]
    assert tail({"wall": wall, "service": services}, 1_000) == Tail(half=2e-7, given=7e-7, wall=5e-6)


def test_what_a_call_took_is_told_without_what_was_stolen(tmp_path):
    program = tmp_path / "took_test"
    words = ["c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{NATIVE}", str(HERE / "native" / "took_test.cc")]
    subprocess.run([*words, "-o", str(program)], check=True)
    assert subprocess.run([str(program)], check=False).returncode == 0  # else the number of the wrong case
