"""Who gives way to whom."""

import os
import threading
from collections.abc import Callable

import pytest
from tandem_serving.background import NICE, give_way


def inside(*work: Callable[[], None]) -> int:
    """The niceness of a thread after it has done all this."""
    found: list[int] = []

    def run() -> None:
        for each in work:
            each()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize(("work", "expected"), [((), 0), ((give_way,), NICE), ((give_way, give_way), NICE)])
def test_a_thread_that_gives_way_is_nicer_and_no_other(work, expected):
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert inside(*work) == max(before, expected)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_what_was_nicer_already_stays_so():
    def nicest() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)

    assert inside(nicest, give_way) == 19


@pytest.mark.usefixtures("server")
async def test_the_thread_that_follows_the_store_gives_way():
    followers = [thread.native_id for thread in threading.enumerate() if thread.name == "control" and thread.native_id]
    assert followers
    assert all(os.getpriority(os.PRIO_PROCESS, each) >= NICE for each in followers)
