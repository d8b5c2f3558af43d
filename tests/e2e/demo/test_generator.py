import threading

import numpy as np
import pytest
import tensorflow as tf

from e2e.demo.generator import Generator, Pace
from e2e.demo.truth import Truth


class Kept:
    def __init__(self):
        self.samples = []
        self.flushed = 0

    def put(self, samples):
        self.samples += samples

    def flush(self, _seconds):
        self.flushed += 1


def made(pace=None):
    clicks, orders = Kept(), Kept()
    return (
        Generator(Truth(5), clicks, orders, pace or Pace(rate=50, tick=0.2, label_delay=1.0, history=2.0)),
        clicks,
        orders,
    )


def labels(samples):
    return [tf.train.Example.FromString(one).features.feature["label"].float_list.value[0] for one in samples]


def events(samples):
    return [tf.train.Example.FromString(one).features.feature["event_time"].int64_list.value[0] for one in samples]


def test_a_label_is_published_only_after_it_was_asked_about():
    generator, clicks, orders = made()
    asked = []
    generator.asked = lambda block: asked.append((block.number, len(clicks.samples)))
    for now in np.arange(100.0, 101.0, 0.05):
        generator.step(float(now))
    assert [number for number, _ in asked] == [0, 1, 2, 3, 4]
    assert not clicks.samples
    generator.step(101.05)
    assert len(clicks.samples) == 10
    assert labels(clicks.samples) == generator.blocks[0].batch.click.tolist()
    assert not orders.samples
    generator.step(102.1)
    first = generator.blocks[0].batch
    assert labels(orders.samples)[: int(first.click.sum())] == first.conversion[first.click > 0].tolist()


def test_event_time_is_the_tick_even_when_the_clock_jumps():
    generator, *_ = made()
    generator.step(100.0)
    generator.step(101.0)
    assert [block.event_ms for block in generator.blocks] == [100_000, 100_200, 100_400, 100_600, 100_800, 101_000]


def test_the_stream_does_not_depend_on_when_it_is_stepped():
    one, *_ = made()
    other, *_ = made()
    for now in (0.0, 0.9, 3.0):
        one.step(now)
    for now in (7.0, 10.0):
        other.step(now)
    assert [block.batch.click.tolist() for block in one.blocks] == [
        block.batch.click.tolist() for block in other.blocks
    ]


def test_history_ends_at_now_and_is_not_asked_about():
    generator, clicks, orders = made()
    generator.asked = lambda _block: pytest.fail("asked about history")
    assert generator.publish_history(now=1000.0) == 100
    assert len(clicks.samples) == 100
    assert len(orders.samples) == sum(labels(clicks.samples))
    assert events(clicks.samples) == sorted(events(clicks.samples))
    assert events(clicks.samples)[0] == 998_000
    assert events(clicks.samples)[-1] == 999_800


def test_the_promotion_begins_with_the_next_tick():
    generator, *_ = made()
    generator.step(100.0)
    generator.begin_promotion()
    assert generator.promotion_ms is None
    generator.step(100.5)
    assert generator.promotion_ms == 100_200


def test_stopping_publishes_what_waits():
    generator, clicks, orders = made(Pace(rate=50, tick=0.02, label_delay=60.0, history=0))
    stop = threading.Event()
    enough = threading.Event()
    generator.asked = lambda block: enough.set() if block.number == 5 else None
    thread = threading.Thread(target=generator.run, args=(stop,))
    thread.start()
    assert enough.wait(10)
    stop.set()
    thread.join(10)
    assert len(clicks.samples) == sum(len(block.batch) for block in generator.blocks)
    assert generator.published["click"] == len(clicks.samples)
    assert (clicks.flushed, orders.flushed) == (1, 1)
