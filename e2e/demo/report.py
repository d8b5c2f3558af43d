"""The report: what is printed, and the same as JSON and CSV."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

from e2e.demo.evidence import Evidence, Findings
from e2e.demo.score import Spread, Window

JUDGES = ("served", "frozen", "truth")


def _auc(value: float | None) -> str:
    return "   -  " if value is None else f"{value:.4f}"


def _spread(name: str, found: Spread | None) -> str:
    if found is None:
        return f"{name}: not known"
    return f"{name}: p50 {found.p50:.2f}s, p99 {found.p99:.2f}s, largest {found.largest:.2f}s ({found.count})"


def _row(label: str, window: Window, notes: str) -> str:
    ctr = "  ".join(_auc(window.ctr.get(judge)) for judge in JUDGES)
    cvr = "  ".join(_auc(window.cvr.get(judge)) for judge in JUDGES)
    return f"{label:>11} {window.samples:>8} │ {ctr} │ {cvr} │ {notes}".rstrip()


def _notes(window: Window, seen: Evidence, found: Findings) -> str:
    happened = [(at, f"base {base}") for at, base in found.swaps]
    if seen.moments.promotion is not None:
        happened.append((seen.moments.promotion, "promotion begins"))
    if seen.moments.mode_change is not None:
        happened.append((seen.moments.mode_change, "mode: Daily"))
    return ", ".join(what for at, what in sorted(happened) if window.start_ms <= at < window.end_ms)


def table(seen: Evidence, found: Findings) -> list[str]:
    """AUC by window of event time, one line each."""
    heads = "  ".join(f"{judge:>6}" for judge in JUDGES)
    lines = [
        f"{'AUC by':>11} {'':>8} │ {'CTR':^22} │ {'CVR (of the clicked)':^22} │",
        f"{'window':>11} {'samples':>8} │ {heads} │ {heads} │ what happened",
    ]
    for window in found.windows:
        start, end = ((at - seen.moments.live) // 1000 for at in (window.start_ms, window.end_ms))
        lines.append(_row(f"{start}-{end}s", window, _notes(window, seen, found)))
    since = "promotion" if seen.moments.promotion is not None else "all"
    lines.append(_row(since, found.total, ""))
    return lines


def counts(seen: Evidence) -> str:
    """How many answers, errors, late, recomputed and mixed ones there were, in one line."""
    mixed = sum(one.invariant in ("I1", "I2") for one in seen.broken)
    return (
        f"answers: {len(seen.answers)}, errors: {len(seen.failures)}, too late to be scored: {seen.late}, "
        f"recomputed: {len(seen.recomputed)}, mixed: {mixed}"
    )


def text(seen: Evidence, found: Findings) -> str:
    """The whole report for a person."""
    lines = [
        "",
        f"Stream: {seen.source}. {len(seen.scored.event_ms)} impressions were answered before their label was known.",
        "served: what the pods answered; frozen: the first base, never updated; truth: the stream's own probabilities.",
        "",
        *table(seen, found),
        "",
        _spread("freshness of answers (now less the watermark of the weights that answer)", found.fresh),
        _spread("event to the first answer of weights that trained on it", found.reached),
        _spread("latency of answers", found.latency),
        counts(seen),
        "",
    ]
    lines += [f"{'held' if check.held else 'NOT HELD':>8}  {check.name} ({check.detail})" for check in found.checks]
    return "\n".join(lines)


def as_json(seen: Evidence, found: Findings) -> dict[str, object]:
    """The report for a program."""
    return {
        "source": seen.source,
        "moments": asdict(seen.moments),
        "windows": [asdict(window) for window in found.windows],
        "total": asdict(found.total),
        "freshness": {
            "answers": asdict(found.fresh) if found.fresh else None,
            "eventToAnswer": asdict(found.reached) if found.reached else None,
        },
        "latency": asdict(found.latency) if found.latency else None,
        "answers": len(seen.answers),
        "errors": len(seen.failures),
        "late": seen.late,
        "recomputed": len(seen.recomputed),
        "mixed": sum(one.invariant in ("I1", "I2") for one in seen.broken),
        "broken": [str(one) for one in seen.broken],
        "swaps": [{"at": at, "base": base} for at, base in found.swaps],
        "checks": [asdict(check) for check in found.checks],
        "held": found.held,
        "kubectl": list(seen.lines),
    }


def write_csv(path: Path, found: Findings) -> None:
    """The table, one line per window."""
    with path.open("w", newline="") as out:
        aucs = [f"{task}_{judge}" for task in ("ctr", "cvr") for judge in JUDGES]
        writer = csv.writer(out)
        writer.writerow(["start_ms", "end_ms", "samples", "clicks", *aucs])
        for window in found.windows:
            values = [by_judge.get(judge) for by_judge in (window.ctr, window.cvr) for judge in JUDGES]
            writer.writerow([window.start_ms, window.end_ms, window.samples, window.clicks, *values])


def save(folder: Path, seen: Evidence, found: Findings) -> None:
    """Write ``report.json``, ``report.csv`` and ``kubectl.txt`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(as_json(seen, found), indent=2) + "\n")
    (folder / "kubectl.txt").write_text("\n".join(seen.lines) + "\n")
    write_csv(folder / "report.csv", found)
