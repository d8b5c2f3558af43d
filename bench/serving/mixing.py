"""Updates and full swaps under load, every answer computed anew from the version that it names."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench import machine
from bench.figures import Figure, compare
from bench.serving import load, messages
from bench.serving.folded import fold, questions
from bench.serving.lineage import Change
from bench.serving.load import Way
from bench.serving.messages import FACTOR, Asked
from bench.serving.model import DIM, IDS, rows, served_model, served_weights
from bench.serving.scale import ServingScale
from bench.serving.session import World, world
from bench.side import SideFailed

Floats = npt.NDArray[np.float32]
Keys = npt.NDArray[np.int64]

_TABLE_ROWS = 100_000
_ASKED = 16
_ASKED_ROWS = 8
_RATE = 400.0
_PACE = 0.04
_KINDS = 64
_CHANGED = 2_000
_TOLERANCE = 1e-5
_SPARE_SECONDS = 6.0
_PATIENCE = 120.0
_POLL_SECONDS = 0.02


@dataclass(slots=True)
class Judged:
    """Answers that were compared, the versions they named, and how many were of no single version."""

    answers: int = 0
    versions: int = 0
    mixed: int = 0
    worst: float = 0.0


def mixing(scale: ServingScale) -> Iterator[Figure]:
    """Count answers that are not exactly those of the version that they name."""
    bases = range(1, scale.full_swaps + 2)
    each = -(-scale.updates // len(bases))  # at least so many in all
    with world(_TABLE_ROWS) as made, made.pod("pod", poll_seconds=_POLL_SECONDS) as pod:
        for base in bases[1:]:
            made.lineage.base(base, served_model(base), rows(base, np.arange(_TABLE_ROWS, dtype=np.int64)))
        asked = [questions(seed, _ASKED_ROWS, _TABLE_ROWS) for seed in range(_ASKED)]
        bodies = messages.write_bodies(made.folder / "asked", [messages.predict(*each) for each in asked])
        way = Way(pod.port, messages.PREDICT, bodies)
        changes = [_planted(kind, asked) for kind in range(_KINDS)]
        objects = [made.lineage.objects(f"kind-{kind}", change) for kind, change in enumerate(changes)]
        random = np.random.default_rng(5)
        before = machine.load()
        judged = Judged()
        for base in bases:
            order = [int(kind) for kind in random.integers(0, _KINDS, each)]
            record = made.folder / "record"
            seconds = each * _PACE + _SPARE_SECONDS
            client = load.start(way, load.opening(seconds, _RATE, record))
            slots = {}
            for kind in order:
                slots[made.lineage.update(base, objects[kind]).slot] = kind
                time.sleep(_PACE)
            if base != bases[-1]:
                made.lineage.serve(base + 1)
            load.told(client, seconds)
            if base != bases[-1]:
                pod.until(lambda base=base: pod.published(base + 1) > 0, _PATIENCE)  # type: ignore[misc]
            history = History(_table(made, base), base, {slot: changes[kind] for slot, kind in slots.items()})
            _judge(judged, history, asked, list(messages.read_record(record)))
        errors = _errors(pod.metrics())
    setting = (
        f"{each * len(bases)} updates and {scale.full_swaps} full swaps beside an open loop of {_RATE:g} requests/s of "
        f"{_ASKED_ROWS} rows; {judged.answers:,} answers of {judged.versions:,} versions compared with NumPy to "
        f"{_TOLERANCE:.0e} (worst {judged.worst:.1e}), {errors} errors"
    )
    yield compare("mixed_answers", setting, "answers", {"ours": [float(judged.mixed)]}, load=before)


def _table(made: World, base: int) -> Floats:
    return made.values if base == 1 else rows(base, np.arange(_TABLE_ROWS, dtype=np.int64))


class History:
    """The versions of one base, and the first of the next, computed in NumPy in their order.

    Args:
      table: the rows of the base.
      base: its number.
      changes: its updates by their slots.
    """

    def __init__(self, table: Floats, base: int, changes: Mapping[int, Change]) -> None:
        self._base = base
        self._changes = changes
        self._values = table.copy()
        self._folded = fold(served_weights(base))
        self._at = 0

    def go_to(self, version: int) -> None:
        """Apply updates up to a version; versions must be asked for in their order."""
        if version // FACTOR != self._base:
            self._base, self._changes, self._at = version // FACTOR, {}, 0
            self._values = rows(self._base, np.arange(_TABLE_ROWS, dtype=np.int64))
            self._folded = fold(served_weights(self._base))
        for slot in range(self._at + 1, version % FACTOR + 1):
            change = self._changes.get(slot)
            if change is None:
                continue  # a barrier, which a log begins with
            self._values[change.keys] = change.values
            self._folded = fold(served_weights(change.seed))
        self._at = version % FACTOR

    def answers(self, ids: Keys, numbers: Floats) -> Floats:
        """Answer as that version does."""
        return self._folded.answers(self._values, [ids, numbers])


def _planted(kind: int, asked: Sequence[tuple[Keys, Floats]]) -> Change:
    """Change rows of which a part is asked for, so that a row of another version shows."""
    random = np.random.default_rng(1000 + kind)
    known = np.unique(np.concatenate([ids.reshape(-1) for ids, _ in asked]))
    some = random.choice(known, len(known) // IDS, replace=False)
    others = random.choice(_TABLE_ROWS, _CHANGED, replace=False)
    keys = np.unique(np.concatenate([some, others])).astype(np.int64)
    return Change(1000 + kind, keys, random.normal(0, 0.3, (len(keys), DIM)).astype(np.float32))


def _judge(judged: Judged, history: History, asked: Sequence[tuple[Keys, Floats]], calls: Sequence[Asked]) -> None:
    seen: dict[tuple[int, int], list[Floats]] = {}
    for call in calls:
        if call.latency is None:
            raise SideFailed("a request failed")
        version, answer = messages.predicted(call.message)
        seen.setdefault((version, call.body), []).append(answer)
    judged.versions += len({version for version, _ in seen})
    for version, body in sorted(seen):
        history.go_to(version)
        expected = history.answers(*asked[body])
        for answer in seen[version, body]:
            off = float(np.abs(answer - expected).max())
            judged.answers += 1
            judged.worst = max(judged.worst, off if off <= _TOLERANCE else 0.0)
            judged.mixed += off > _TOLERANCE


def _errors(metrics: str) -> int:
    """Requests that the engine did not answer."""
    counted = [line for line in metrics.splitlines() if line.startswith("tandem_serving_requests_total{")]
    return round(sum(float(line.split()[-1]) for line in counted if 'method="Predict"' in line and '"OK"' not in line))
