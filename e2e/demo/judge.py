"""From what was played and answered to evidence: frozen predictions, recomputed answers, invariants."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from tandem_wire.errors import NotFound, Refused
from tandem_wire.store import Store

from e2e.demo.history import History, read_history
from e2e.demo.logs import Answer, Block, Scored
from e2e.demo.recompute import Oracle, Predictions
from e2e.demo.remember import Remembering
from e2e.demo.samples import Doubles, join
from e2e.faults.invariants import Broken, Recomputed, broken

TOLERANCE = 1e-5
CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Judged:
    """What the store says about the answers.

    Attributes:
      scored: the impressions that were answered before their label was published, with each judge's predictions.
      late: how many answers were not.
      history: the store's manifests.
      recomputed: a sample of the answers, computed again.
      broken: invariants that did not hold.
    """

    scored: Scored
    late: int
    history: History
    recomputed: list[Recomputed]
    broken: list[Broken]


def judge(store: Store, blocks: Sequence[Block], answers: Sequence[Answer], label_delay_ms: int, sample: int) -> Judged:
    """Judge all answers.

    Args:
      store: of the one model.
      blocks: the impressions, by number.
      answers: what came back about them.
      label_delay_ms: from an impression to its label's publication.
      sample: how many answers to compute again.
    """
    by_number = {block.number: block for block in blocks}
    honest = [answer for answer in answers if answer.answered_ms <= by_number[answer.block].event_ms + label_delay_ms]
    history = read_history(store)
    again = recompute(store, by_number, chosen(answers, sample))
    frozen = frozen_base(store, answers, [by_number[answer.block] for answer in honest])
    return Judged(
        scored=score_all(honest, by_number, frozen),
        late=len(answers) - len(honest),
        history=history,
        recomputed=again,
        broken=broken(history, answers, again, TOLERANCE),
    )


def chosen(answers: Sequence[Answer], count: int) -> list[Answer]:
    """About ``count`` answers: the first and last of every base, the others evenly over time."""
    if not answers:
        return []
    ordered = sorted(answers, key=lambda answer: answer.answered_ms)
    edges: dict[tuple[int, str], Answer] = {}
    for answer in ordered:
        edges.setdefault((answer.base, "first"), answer)
        edges[answer.base, "last"] = answer
    even = [ordered[int(at)] for at in np.linspace(0, len(ordered) - 1, count)]
    picked = {id(answer): answer for answer in (*edges.values(), *even)}
    return sorted(picked.values(), key=lambda answer: answer.version)


def recompute(store: Store, blocks: dict[int, Block], answers: Iterable[Answer]) -> list[Recomputed]:
    """Compute answers again from the store, each by the version that it names."""
    store = Remembering(store)
    oracles: dict[int, Oracle] = {}
    found = []
    for answer in answers:
        try:
            oracle = oracles.get(answer.base) or oracles.setdefault(answer.base, Oracle.of(store, answer.base))
            expected = oracle.predict(oracle.state(answer.update), blocks[answer.block].batch.features)
        except (NotFound, Refused) as error:
            found.append(Recomputed(answer.version, answer.block, float("inf"), str(error)))
            continue
        found.append(Recomputed(answer.version, answer.block, difference(answer, expected)))
    return found


def difference(answer: Answer, expected: Predictions) -> float:
    """The largest difference of a probability; infinite when the shapes differ."""
    worst = 0.0
    for task, given in (("ctr", answer.ctr), ("cvr", answer.cvr)):
        if given.shape != expected[task].shape:
            return float("inf")
        worst = max(worst, float(np.abs(given - expected[task]).max(initial=0.0)))
    return worst


def frozen_base(store: Store, answers: Sequence[Answer], blocks: Sequence[Block]) -> Predictions:
    """What the first base that answered would have said of all impressions, had nothing ever been updated."""
    if not answers or not blocks:
        return {"ctr": np.zeros(0, np.float32), "cvr": np.zeros(0, np.float32)}
    oracle = Oracle.of(store, min(answers, key=lambda answer: answer.answered_ms).base)
    state = oracle.state(0)
    features = join([block.batch.features for block in blocks])
    parts = [
        oracle.predict(state, features.take(np.arange(start, min(start + CHUNK, len(features)))))
        for start in range(0, len(features), CHUNK)
    ]
    return {task: np.concatenate([part[task] for part in parts]) for task in ("ctr", "cvr")}


def score_all(answers: Sequence[Answer], blocks: dict[int, Block], frozen: Predictions) -> Scored:
    """All answered impressions in columns."""
    asked = [blocks[answer.block] for answer in answers]
    sizes = [len(block.batch) for block in asked]
    none = [np.zeros(0, np.float32)]

    def column(parts: Sequence[np.ndarray]) -> Doubles:
        return np.concatenate([*none, *parts]).astype(np.float64)

    return Scored(
        event_ms=np.repeat(np.array([block.event_ms for block in asked], np.int64), sizes),
        click=column([block.batch.click for block in asked]).astype(np.float32),
        conversion=column([block.batch.conversion for block in asked]).astype(np.float32),
        ctr={
            "served": column([answer.ctr for answer in answers]),
            "frozen": frozen["ctr"].astype(np.float64),
            "truth": column([block.batch.true_ctr for block in asked]),
        },
        cvr={
            "served": column([answer.cvr for answer in answers]),
            "frozen": frozen["cvr"].astype(np.float64),
            "truth": column([block.batch.true_cvr for block in asked]),
        },
    )
