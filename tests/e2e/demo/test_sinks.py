import threading
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from e2e.demo.errors import CannotReachError
from e2e.demo.sinks import S3, SegmentSink, segment_name
from e2e.demo.tf_example import tfrecords


@given(st.lists(st.tuples(st.integers(10**12, 10**13 - 1), st.integers(0, 10**6 - 1)), min_size=2))
def test_names_sort_by_time_of_writing(written):
    assert sorted(segment_name(*one) for one in written) == [segment_name(*one) for one in sorted(written)]


class Bucket(S3):
    """An S3 endpoint that fails a number of times first: before it writes, or with the reply lost."""

    def __init__(self, failures, *, lost=False):
        self.endpoint = "http://store"
        self.client: Any = self
        self.objects = {}
        self._failures, self._lost = failures, lost
        self.tried = threading.Event()

    def put_object(self, Bucket, Key, Body):  # noqa: N803 - boto3's names
        self.tried.set()
        failing, self._failures = self._failures > 0, self._failures - 1
        if not failing or self._lost:
            self.objects[Key] = Body
        if failing:
            raise EndpointConnectionError(endpoint_url=Bucket)


@pytest.mark.parametrize("lost", [False, True])
def test_every_sample_is_written_once_and_in_order_though_the_store_fails(lost):
    bucket = Bucket(failures=2, lost=lost)
    sink = SegmentSink(bucket, "samples", "orders/", every=0.01)
    sink.put([b"1", b"2"])
    assert bucket.tried.wait(5)
    sink.put([b"3"])
    sink.flush(20)
    names = sorted(bucket.objects)
    assert all(name.startswith("orders/") for name in names)
    framed = {tfrecords([one]): one for one in (b"1", b"2", b"3")}
    whole = b"".join(bucket.objects[name] for name in names)
    size = len(next(iter(framed)))
    assert [framed[whole[at : at + size]] for at in range(0, len(whole), size)] == [b"1", b"2", b"3"]


def test_a_store_that_stays_away_is_told():
    sink = SegmentSink(Bucket(failures=10**6), "samples", "orders/", every=0.01)
    sink.put([b"1"])
    with pytest.raises(CannotReachError, match="http://store"):
        sink.flush(0.05)
