"""The keyed queue, by a clock of the test's own."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_operator.queue import FIRST_PAUSE, LONGEST_PAUSE, Agenda, KeyedQueue


def agenda() -> Agenda:
    return Agenda(jitter=lambda: 1.0)


def test_a_key_is_once_in_the_queue_at_its_earliest_wish():
    queue = agenda()
    queue.add("a", 5.0)
    queue.add("a", 3.0)
    queue.add("a", 9.0)
    assert (len(queue), queue.next_due()) == (1, 3.0)
    assert queue.take(2.9) is None
    assert queue.take(3.0) == "a"
    assert queue.take(100.0) is None


def test_keys_come_in_the_order_in_which_they_are_due():
    queue = agenda()
    for key, at in (("late", 3.0), ("early", 1.0), ("middle", 2.0)):
        queue.add(key, at)
    assert [queue.take(9.0) for _ in range(3)] == ["early", "middle", "late"]


def test_a_key_that_is_worked_on_is_not_given_to_another_and_comes_again_when_asked_for_meanwhile():
    queue = agenda()
    queue.add("a", 0.0)
    assert queue.take(0.0) == "a"
    queue.add("a", 1.0)
    assert queue.take(5.0) is None
    queue.done("a", again=60.0)
    assert queue.take(5.0) == "a"
    queue.done("a")
    assert queue.next_due() is None


def test_failures_double_the_pause_up_to_a_limit_and_a_success_forgets_them():
    queue = agenda()
    pauses = []
    for _ in range(12):
        queue.add("a", 0.0)
        queue.take(1e9)
        pauses.append(queue.failed("a", 0.0))
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    queue.take(1e9)
    queue.done("a", again=0.0)
    queue.take(1e9)
    assert queue.failed("a", 0.0) == FIRST_PAUSE


def test_jitter_makes_the_pause_shorter_by_half_at_most():
    queue = Agenda(jitter=lambda: 0.0)
    queue.add("a", 0.0)
    queue.take(0.0)
    assert queue.failed("a", 10.0) == FIRST_PAUSE / 2
    assert queue.next_due() == 10.0 + FIRST_PAUSE / 2


def test_a_wish_during_a_failing_look_does_not_shorten_its_pause():
    queue = agenda()
    queue.add("a", 0.0)
    queue.take(0.0)
    queue.add("a", 0.0)
    queue.failed("a", 10.0)
    assert queue.next_due() == 10.0 + FIRST_PAUSE


def test_a_key_whose_object_is_gone_is_forgotten_unless_it_was_asked_for():
    queue = agenda()
    queue.add("a", 0.0)
    queue.take(0.0)
    queue.forget("a")
    assert queue.next_due() is None
    queue.add("a", 1.0)
    queue.take(1.0)
    queue.add("a", 2.0)
    queue.forget("a")
    assert queue.next_due() == 2.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["add", "take", "done", "failed"])), max_size=60))
def test_whatever_happens_no_key_is_worked_on_twice_and_none_is_lost(steps):
    queue, busy, wanted, now = agenda(), set(), set(), 0.0
    for key, step in steps:
        now += 1.0
        if step == "add":
            queue.add(key, now)
            wanted.add(key)
        elif step == "take":
            taken = queue.take(now)
            if taken is not None:
                assert taken not in busy
                busy.add(taken)
                wanted.discard(taken)
        elif key in busy:
            busy.remove(key)
            if step == "done":
                queue.done(key)
            else:
                queue.failed(key, now)
                wanted.add(key)
    for key in busy:
        queue.done(key)
    left = set()
    while (taken := queue.take(1e12)) is not None:
        left.add(taken)
        queue.done(taken)
    assert left == wanted


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_worker_waits_until_a_key_is_asked_for():
    queue = KeyedQueue(Clock(), agenda())
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.add("shop/search", after=60.0)
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.add("shop/search")
    assert await asyncio.wait_for(waiting, 5) == "shop/search"


async def test_a_worker_takes_a_key_when_its_time_has_come():
    clock = Clock()
    queue = KeyedQueue(clock, agenda())
    queue.add("a", after=0.01)
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    clock.now = 0.02
    assert await asyncio.wait_for(waiting, 5) == "a"
    queue.done("a", after=None)
    assert len(queue) == 0


async def test_two_workers_share_the_keys():
    queue = KeyedQueue(Clock(), agenda())
    workers = [asyncio.create_task(queue.take()) for _ in range(2)]
    await asyncio.sleep(0)
    queue.add("a")
    queue.add("b")
    assert sorted(await asyncio.wait_for(asyncio.gather(*workers), 5)) == ["a", "b"]


def test_done_is_for_keys_that_are_worked_on():
    with pytest.raises(KeyError):
        agenda().done("a")
