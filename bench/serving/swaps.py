"""Full swaps: P99 while they run, and the memory that they take."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench import machine
from bench.figures import Figure, compare, percentile
from bench.serving import load, messages
from bench.serving.beside import answers
from bench.serving.container import Container, container
from bench.serving.lineage import applied, changed_rows
from bench.serving.load import Way
from bench.serving.model import served_model
from bench.serving.scale import ServingScale
from bench.serving.session import World, world
from bench.serving.sides.tandem import Tandem

SHARES = (0.1, 0.5)
_BEFORE, _AFTER = 1.0, 1.0
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Swap:
    """What one swap took: P99 in seconds, bytes, and seconds from the target to the first answer."""

    quiet: float
    beside: float
    steady: int
    peak: int
    seconds: float


def swaps(scale: ServingScale) -> Iterator[Figure]:
    """Swap forth and back between two bases of which a share of the rows differs."""
    for share in SHARES:
        with world(scale.swap_rows) as made, container() as inside, made.pod("pod", inside=inside) as pod:
            change = changed_rows(7, scale.swap_rows, round(share * scale.swap_rows))
            made.lineage.base(2, served_model(2), applied(made.values, [change]))
            way = Way(pod.port, messages.PREDICT, made.bodies("predict", scale.asked_rows))
            before = machine.load()
            running = Running(made, pod, inside, way)
            taken = [_swap(scale, running, 2 - i % 2) for i in range(scale.swaps)]
        what = (
            f"{share:.0%} of {scale.swap_rows:,} rows differ, and all dense weights; to and fro, the first time from "
            "the store, then from the pod's disk; from the target to the first answer "
            f"{statistics.median(swap.seconds for swap in taken):.1f} s"
        )
        setting = (
            f"{what}; open loop of {scale.rate:g} requests/s of {scale.asked_rows} rows; "
            f"quiet P99 {statistics.median(swap.quiet for swap in taken) * 1e3:.2f} ms"
        )
        ratios = [swap.beside / swap.quiet for swap in taken]
        yield compare("p99_swap_ratio", setting, "x", {"ours": ratios}, load=before, ratio=statistics.median(ratios))
        grown = [swap.peak / swap.steady for swap in taken]
        setting = (
            f"{what}; peak {max(swap.peak for swap in taken) / 1e6:.0f} MB, before {taken[0].steady / 1e6:.0f} MB "
            f"({inside.how}); in the same swaps as their P99"
        )
        yield compare("swap_memory_ratio", setting, "x", {"ours": grown}, load=before, ratio=max(grown))


@dataclass(frozen=True, slots=True)
class Running:
    """A pod that answers, and how it is asked."""

    made: World
    pod: Tandem
    inside: Container
    way: Way


def _swap(scale: ServingScale, running: Running, base: int) -> Swap:
    made, pod, inside, way = running.made, running.pod, running.inside, running.way
    record = made.folder / "record"
    load.opened(way, scale.phase, scale.rate, record)
    quiet = percentile([each.latency for each in answers(record)], 99)
    steady = inside.used()
    swapped = pod.published(base)
    seconds = scale.phase + _BEFORE
    with inside.peak() as peak:
        client = load.start(way, load.opening(seconds, scale.rate, record))
        time.sleep(_BEFORE)
        begin = time.monotonic()
        made.lineage.serve(base)
        load.told(client, seconds)
        pod.until(lambda: pod.published(base) > swapped, _PATIENCE)
    found = answers(record)
    ends = [each.due + each.latency for each in found if each.version // messages.FACTOR == base]
    end = min(ends, default=float("inf"))
    during = [each.latency for each in found if begin <= each.due <= end + _AFTER]
    return Swap(quiet, percentile(during, 99), steady, peak(), min(end, time.monotonic()) - begin)
