"""P99 in an open loop beside updates, and how long an update takes until it answers."""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import machine
from bench.figures import Figure, compare, percentile, significant
from bench.rounds import alternate
from bench.serving import load, messages
from bench.serving.lineage import changed_rows
from bench.serving.load import Way
from bench.serving.scale import ServingScale
from bench.serving.session import World, world
from bench.serving.sides.tandem import Tandem
from bench.side import SideFailed

_ROW_BYTES = 72
"""Of an update: a key and sixteen floats."""
SIZES_MB = (1, 50)
_KINDS = 4
_AFTER = 0.05
_BASE = 1


@dataclass(slots=True)
class Seen:
    """What requests met beside updates.

    Attributes:
      visible: seconds from a durable update to the first answer of it, or of a later one.
      quiet: latencies of all quiet phases.
      after: latencies of requests that were due soon after a version was published.
      stolen: of each phase without and with updates, the share of the cores that the hypervisor kept.
    """

    visible: list[float] = field(default_factory=list)
    quiet: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    stolen: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))


@dataclass(frozen=True, slots=True)
class Answered:
    """A call of an open loop: when it was due, what it took, and the version of its answer, base and update in one."""

    due: float
    latency: float
    version: int


def beside_updates(scale: ServingScale) -> Iterator[Figure]:
    """Measure P99 beside updates of 1 MB and of 50 MB each second, and the time until they answer."""
    for megabytes in SIZES_MB:
        with world(scale.rows) as made, made.pod("pod") as pod:
            yield from _measure(scale, made, pod, megabytes)


def _measure(scale: ServingScale, made: World, pod: Tandem, megabytes: int) -> Iterator[Figure]:
    way = Way(pod.port, messages.PREDICT, made.bodies("predict", scale.asked_rows))
    seen = Seen()
    count = min(megabytes * 1_000_000 // _ROW_BYTES, scale.rows)
    updates = [made.lineage.objects(f"kind-{i}", changed_rows(i, scale.rows, count)) for i in range(_KINDS)]
    size = updates[0][0].size
    record = made.folder / "record"
    published: list[tuple[int, float]] = []

    def quiet() -> float:
        begun = machine.times()
        answered = asked(way, scale, record)
        seen.stolen[0].append(machine.times().stolen_since(begun))
        seen.quiet += [each.latency for each in answered]
        return percentile([each.latency for each in answered], 99)

    def busy() -> float:
        published.clear()
        stop = threading.Event()

        def publish() -> None:
            while not stop.wait(1.0):
                slot = made.lineage.update(_BASE, updates[len(published) % _KINDS]).slot
                published.append((slot, time.monotonic()))

        writer = threading.Thread(target=publish, name="updates")
        writer.start()
        begun = machine.times()
        try:
            answered = asked(way, scale, record)
            seen.stolen[1].append(machine.times().stolen_since(begun))
        finally:
            stop.set()
            writer.join()
        if published:
            pod.until(lambda: pod.newest() >= published[-1][0])  # so that the next phase is a quiet one
        _note(seen, answered, published)
        return percentile([each.latency for each in answered], 99)

    asked(way, scale, record)  # warm
    busy()
    seen = Seen()
    before = machine.load()
    pairs = alternate(quiet, busy, scale.pairs)
    if not seen.visible:
        raise SideFailed("no update was answered from within its phase")
    ratios = [busy_p99 / quiet_p99 for quiet_p99, busy_p99 in pairs]
    calm = [a[0] / b[0] for a, b in zip(pairs[1::2], pairs[::2], strict=False)]
    at_rest = percentile(seen.quiet, 99)
    without, beside = (statistics.median(shares) for shares in seen.stolen)
    setting = (
        f"updates of {size / 1e6:.1f} MB ({count:,} rows of {scale.rows:,}, all dense weights) each second, open loop "
        f"of {scale.rate:g} requests/s of {scale.asked_rows} rows, phases of {scale.phase:g} s; quiet P99 "
        f"{at_rest * 1e3:.2f} ms, quiet to quiet {significant(statistics.median(calm), 3):g}; the hypervisor kept "
        f"{without:.0%} of the cores in quiet phases and {beside:.0%} in the others; "
        f"due within {_AFTER * 1e3:.0f} ms after a version's first answer: {percentile(seen.after, 99) / at_rest:.2f}"
    )
    yield compare("p99_update_ratio", setting, "x", {"ours": ratios}, load=before, ratio=statistics.median(ratios))
    setting = (
        f"updates of {size / 1e6:.1f} MB, from durable in the store (files) to the first answer of it, beside the same "
        f"requests; the pod looks every 0.1 s; {len(seen.visible)} updates"
    )
    for name, percent in (("p50", 50), ("p99", 99)):
        value = percentile(seen.visible, percent)
        yield compare(f"update_visible_{name}_s", setting, "s", {"ours": [value]}, load=before)


def asked(way: Way, scale: ServingScale, record: Path) -> list[Answered]:
    """Ask for a phase, in the order in which requests were due.

    Raises:
      SideFailed: a request failed.
    """
    load.opened(way, scale.phase, scale.rate, record)
    return answers(record)


def answers(record: Path) -> list[Answered]:
    """Read a phase; without its first 0.3 s, in which connections are made."""
    found = []
    for each in messages.read_record(record):
        if each.latency is None:
            raise SideFailed("a request failed")
        found.append(Answered(each.due, each.latency, messages.version_of(each.message)))
    found.sort(key=lambda each: each.due)
    begin = found[0].due + 0.3
    return [each for each in found if each.due >= begin]


def _note(seen: Seen, answered: Sequence[Answered], published: Sequence[tuple[int, float]]) -> None:
    """Find when each update first answered, and what requests met just then."""
    by_end = sorted(answered, key=lambda each: each.due + each.latency)
    at = 0
    for slot, durable in published:
        while at < len(by_end) and by_end[at].version % messages.FACTOR < slot:
            at += 1
        if at == len(by_end):
            return  # it came after the phase
        first = by_end[at].due + by_end[at].latency
        seen.visible.append(first - durable)
        seen.after += [each.latency for each in answered if 0 <= each.due - (first - by_end[at].latency) < _AFTER]
