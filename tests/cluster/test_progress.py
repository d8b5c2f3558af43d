"""What a person sees while the cluster and the images are made."""

import io

import pytest

from e2e.cluster.progress import Progress


def clock(*times: float):
    return iter(times).__next__


def test_a_step_has_a_line_when_it_starts_and_one_with_its_time():
    out = io.StringIO()
    with Progress(out, clock(100.0, 101.0, 101.0, 104.5, 104.5)).step("build it"):
        assert out.getvalue() == "[   1.0s] build it …\n"
    assert out.getvalue() == "[   1.0s] build it …\n[   4.5s] build it: 3.5s\n"


def test_a_step_that_is_done_at_once_has_one_line():
    out = io.StringIO()
    with Progress(out, clock(0.0, 1.0, 1.0, 1.1)).step("look"):
        pass
    assert out.getvalue() == "[   1.0s] look …\n"


def test_a_step_that_fails_says_so():
    out = io.StringIO()
    with pytest.raises(OSError, match="gone"), Progress(out, clock(0.0, 0.0, 0.0, 2.0, 2.0)).step("fetch"):
        raise OSError("gone")
    assert out.getvalue().endswith("[   2.0s] fetch: failed after 2.0s\n")
