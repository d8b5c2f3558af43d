"""All that the demonstration saw, as one value, and what follows from it: the checks that must hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from e2e.demo.logs import Answer, Failure, Scored
from e2e.demo.score import Spread, Window, event_to_answer, score, spread, staleness, swaps, windows
from e2e.faults.invariants import Broken, Recomputed

SWAPS_WANTED = 3


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A serving pod at one moment."""

    name: str
    uid: str
    restarts: int


@dataclass(frozen=True, slots=True)
class Moments:
    """When things happened, in Unix milliseconds; None when they did not.

    Attributes:
      live: the stream went live.
      served: the first answer came.
      promotion: the truth's effects shifted.
      mode_change: the spec went from Promotion to Daily.
      end: the stream ended.
    """

    live: int
    served: int
    promotion: int | None
    mode_change: int | None
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen.

    Attributes:
      source: what was played, for the title.
      known_truth: whether the stream's own probabilities are known.
      moments: when things happened.
      scored: impressions with the predictions of each judge; only those answered before their label was published.
      answers, failures: all that came back.
      late: answers that came only when their label was already published; they are not scored.
      watermark_ms: version → watermark.
      recomputed: the sample of answers that was computed again.
      broken: the invariants that did not hold.
      pods_before, pods_after: the serving pods around the change of mode.
      mode_after: what status.mode said in the end.
      freshness_target: spec.monitoring.freshnessTarget in seconds.
      lines: the lines of ``kubectl get om -w``.
    """

    source: str
    known_truth: bool
    moments: Moments
    scored: Scored
    answers: Sequence[Answer]
    failures: Sequence[Failure]
    late: int
    watermark_ms: dict[int, int]
    recomputed: Sequence[Recomputed]
    broken: Sequence[Broken]
    pods_before: Sequence[PodSeen]
    pods_after: Sequence[PodSeen]
    mode_after: str
    freshness_target: float
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Check:
    """One promise and whether it held."""

    name: str
    held: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What follows from the evidence.

    Attributes:
      windows: the table.
      total: all windows after the promotion began (all of them where none did) as one.
      fresh: the freshness of answers: now less the watermark of the weights that answer.
      reached: from an event to the first answer of weights that had trained on it.
      staleness: (when, seconds) of each answer.
      latency: seconds from question to answer.
      swaps: (when, base) of the first answer of each base; the first is the beginning.
      checks: what must hold.
    """

    windows: list[Window]
    total: Window
    fresh: Spread | None
    reached: Spread | None
    staleness: list[tuple[int, float]]
    latency: Spread | None
    swaps: list[tuple[int, int]]
    checks: list[Check]

    @property
    def held(self) -> bool:
        """Whether everything held."""
        return all(check.held for check in self.checks)


def find(seen: Evidence, window_ms: int) -> Findings:
    """Draw the conclusions."""
    stale = staleness(seen.answers, seen.watermark_ms)
    reached = event_to_answer(seen.answers, sorted(set(seen.scored.event_ms.tolist())), seen.watermark_ms)
    total = score(seen.scored, seen.moments.promotion or seen.moments.served, seen.moments.end + 1)
    changed = swaps(seen.answers)
    fresh = spread([seconds for _, seconds in stale])
    return Findings(
        windows=windows(seen.scored, seen.moments.served, window_ms),
        total=total,
        fresh=fresh,
        reached=spread([seconds for _, seconds in reached]),
        staleness=stale,
        latency=spread([(answer.answered_ms - answer.asked_ms) / 1000 for answer in seen.answers]),
        swaps=changed,
        checks=[*_answering(seen, changed), *_mode_change(seen), *_learning(seen, total), _freshness(seen, fresh)],
    )


def _answering(seen: Evidence, changed: Sequence[tuple[int, int]]) -> list[Check]:
    full_swaps = max(0, len(changed) - 1)
    mixed = [one for one in seen.broken if one.invariant in ("I1", "I2")]
    others = [one for one in seen.broken if one.invariant not in ("I1", "I2")]
    first_failure = f": {seen.failures[0].code} {seen.failures[0].message[:200]}" if seen.failures else ""
    return [
        Check(
            "every question is answered",
            bool(seen.answers) and not seen.failures,
            f"{len(seen.answers)} answers, {len(seen.failures)} errors{first_failure}",
        ),
        Check(
            "no answer mixes versions",
            bool(seen.recomputed) and not mixed,
            f"{len(seen.recomputed)} answers recomputed from the store, {len(mixed)} mixed{_first(mixed)}",
        ),
        Check("the store's records hold I3 to I5", not others, f"{len(others)} broken{_first(others)}"),
        Check(f"at least {SWAPS_WANTED} full swaps", full_swaps >= SWAPS_WANTED, f"{full_swaps} swaps"),
    ]


def _first(broken: Sequence[Broken]) -> str:
    return f": {broken[0]}" if broken else ""


def _mode_change(seen: Evidence) -> list[Check]:
    before, after = ({(pod.uid, pod.restarts) for pod in pods} for pods in (seen.pods_before, seen.pods_after))
    return [
        Check(
            "Promotion changes to Daily without a serving restart",
            seen.moments.mode_change is not None and seen.mode_after == "Daily" and bool(before) and before == after,
            f"mode {seen.mode_after}; {len(before & after)} of {len(before)} pods are the same, never restarted",
        )
    ]


def _learning(seen: Evidence, total: Window) -> list[Check]:
    # The margin that the synthetic promotion must show; of a real log nobody knows how much there is to gain.
    margin = 0.03 if seen.known_truth else 0.0
    found = []
    for task, by_judge in (("CTR", total.ctr), ("CVR", total.cvr)):
        served, frozen = by_judge.get("served"), by_judge.get("frozen")
        gain = None if served is None or frozen is None else served - frozen
        found.append(
            Check(
                f"live-updated beats the frozen base ({task})",
                gain is not None and gain > margin,
                "not known" if gain is None else f"AUC {served:.4f} against {frozen:.4f}, {gain:+.4f}",
            )
        )
    return found


def _freshness(seen: Evidence, fresh: Spread | None) -> Check:
    return Check(
        "answers are fresh",
        fresh is not None and fresh.p99 <= seen.freshness_target,
        "not known"
        if fresh is None
        else f"p50 {fresh.p50:.1f}s, p99 {fresh.p99:.1f}s, target {seen.freshness_target:.0f}s",
    )
