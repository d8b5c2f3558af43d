"""Whether memory grows over thousands of updates."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from bench import machine
from bench.figures import Figure, compare
from bench.serving.container import container
from bench.serving.lineage import changed_rows
from bench.serving.scale import ServingScale
from bench.serving.session import world
from bench.side import SideFailed

_TABLE_ROWS = 100_000
_CHANGED = 1_000
_KINDS = 8
_AT_ONCE = 10
_SAMPLES = 20
_PATIENCE = 60.0
_WARM = 0.2


def creep(scale: ServingScale) -> Iterator[Figure]:
    """Apply updates as fast as they are taken, and fit a line through the memory of the pod without its log.

    The log is a file here, whose pages count for who writes them; in a cluster it is the runtime's.
    """
    with world(_TABLE_ROWS) as made, container() as inside, made.pod("pod", 0.02, inside) as pod:
        objects = [made.lineage.objects(f"kind-{i}", changed_rows(i, _TABLE_ROWS, _CHANGED)) for i in range(_KINDS)]
        before = machine.load()
        begin = time.monotonic()
        samples: list[tuple[int, int]] = []
        logged = 0
        every = max(scale.creep // _SAMPLES // _AT_ONCE * _AT_ONCE, _AT_ONCE)
        for number in range(0, scale.creep, _AT_ONCE):
            for i in range(number, number + _AT_ONCE):
                slot = made.lineage.update(1, objects[i % _KINDS]).slot
            _wait(pod.newest, slot)
            if (number + _AT_ONCE) % every == 0:
                logged = pod.log.stat().st_size
                samples.append((number + _AT_ONCE, inside.used() - logged))
        taken = time.monotonic() - begin
    steady = [each for each in samples if each[0] > _WARM * scale.creep]
    slope = float(np.polyfit([at for at, _ in steady], [used for _, used in steady], 1)[0])
    setting = (
        f"{scale.creep:,} updates of {_CHANGED:,} rows and all dense weights, {scale.creep / taken:.0f} a second; from "
        f"{steady[0][1] / 1e6:.0f} MB after {steady[0][0]:,} to {steady[-1][1] / 1e6:.0f} MB ({inside.how}, without "
        f"the {logged / 1e6:.1f} MB of its log)"
    )
    yield compare("memory_slope", setting, "MB per 1,000 updates", {"ours": [slope * 1000 / 1e6]}, load=before)


def _wait(newest: Callable[[], int], slot: int) -> None:
    last = time.monotonic() + _PATIENCE
    while newest() < slot:
        if time.monotonic() > last:
            raise SideFailed(f"update {slot} was not served after {_PATIENCE:g} s")
        time.sleep(0.005)
