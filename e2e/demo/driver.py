"""The demonstration from its first step to its last: set up, play, swap, change the mode, judge."""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from e2e.demo.errors import NotHeldError
from e2e.demo.evidence import SWAPS_WANTED, Evidence, Moments, PodSeen, find
from e2e.demo.generator import Pace, Source
from e2e.demo.history import watermarks_ms
from e2e.demo.judge import judge
from e2e.demo.kube import Kube
from e2e.demo.logs import write_answers
from e2e.demo.model import Plan, online_model
from e2e.demo.picture import draw
from e2e.demo.play import Addresses, Play
from e2e.demo.reach import Reach
from e2e.demo.replay import Replay
from e2e.demo.report import save, text
from e2e.demo.system import System, pushed_images
from e2e.demo.truth import Truth
from e2e.demo.watch import Screen, Watcher

SEED = 7
WINDOW_MS = 30_000
SAMPLE = 40


@dataclass(frozen=True, slots=True)
class Script:
    """How the demonstration goes.

    Attributes:
      plan: the OnlineModel.
      pace: the stream.
      calm: seconds of everyday before the promotion begins.
      data: a real log, instead of the synthetic stream.
      seconds: how long a real log is spread over.
      folder: where the report goes.
    """

    plan: Plan
    pace: Pace
    folder: Path
    data: Path | None = None
    calm: float = 20.0
    seconds: float = 420.0

    def source(self) -> tuple[Source, str]:
        """What is played, and its name."""
        if self.data is None:
            return Truth(SEED), f"synthetic, seed {SEED}"
        rows = int(self.pace.rate * (self.seconds + self.pace.history))
        replay = Replay(self.data, rows)
        return replay, f"{self.data.name}, {len(replay)} rows"


def run(kube: Kube, script: Script) -> None:
    """Run the demonstration to its end and leave the system running.

    Raises:
      NotHeldError: something that it promises did not hold; the report says what.
    """
    screen = Screen()
    system = System(kube, script.folder)
    screen.say(f"cluster: {'this machine' if kube.own else kube.env['KUBECONFIG']}, namespace {kube.namespace}")
    with Reach(kube) as reach:
        play = _set_up(system, reach, script, screen)
        watcher = Watcher(kube, script.plan.name, screen)
        try:
            seen = _show(system, play, script, Watched(screen, watcher))
        finally:
            watcher.stop()
            play.stop()
    found = find(seen, WINDOW_MS)
    save(script.folder, seen, found)
    write_answers(script.folder / "answers.jsonl", seen.answers)
    draw(script.folder / "demo.png", seen, found)
    screen.print(text(seen, found))
    screen.print(f"\nreport: {script.folder}/report.json, report.csv, kubectl.txt, answers.jsonl; picture: demo.png")
    screen.print(f"The system goes on: kubectl -n {kube.namespace} get om -w; python -m e2e.demo --down removes it.")
    if not found.held:
        names = "; ".join(f"{check.name} ({check.detail})" for check in found.checks if not check.held)
        raise NotHeldError(f"did not hold: {names}")


def _set_up(system: System, reach: Reach, script: Script, screen: Screen) -> Play:
    images = pushed_images()
    with screen.step("install the operator"):
        system.install_operator(images)
        system.await_operator()
    with screen.step("clear an earlier demonstration"):
        system.clear()
    with screen.step("start the object store and the broker"):
        system.make_namespace()
        addresses = Addresses.of(reach, script.plan.name)
        system.apply_services(images, addresses.kafka)
        system.await_services()
    os.environ.update(system.credentials())
    return Play(system, reach, addresses, script.plan)


@dataclass(frozen=True, slots=True)
class Watched:
    """What a person sees of it."""

    screen: Screen
    watcher: Watcher


def _show(system: System, play: Play, script: Script, shown: Watched) -> Evidence:
    screen, plan = shown.screen, script.plan
    source, name = script.source()
    with screen.step("begin the stream"):
        history = play.begin(source, script.pace, time.time())
        live = _now_ms()
    screen.say(f"{name}: {history} impressions of history, now {script.pace.rate:.0f} per second")
    with screen.step(f"OnlineModel {plan.name}: first training, first pods"):
        system.kube.apply(online_model(plan))
        shown.watcher.start()
        system.await_model(plan.name, "Available", 180)
        play.ask()
        play.await_("the first answer", lambda: bool(play.client.answers), 30)
    served = play.client.answers[0].answered_ms
    play.await_("everyday", lambda: _now_ms() > served + script.calm * 1000, script.calm + 30)
    if script.data is None:
        play.generator.begin_promotion()
        screen.say("the promotion begins: other brands, segments and prices count from now on")
    _swaps(play, screen)
    mode_change, before, mode = _change_mode(system, play, screen)
    with screen.step("end the stream"):
        play.stop()
        after = system.serving_pods(plan.name)
    shown.watcher.stop()
    moments = Moments(live, served, play.generator.promotion_ms, mode_change, _now_ms())
    with screen.step("judge the answers: compute a sample again from the store, ask the frozen base"):
        judged = judge(
            play.store(), play.generator.blocks, play.client.answers, int(script.pace.label_delay * 1000), SAMPLE
        )
    return Evidence(
        source=name,
        known_truth=script.data is None,
        moments=moments,
        scored=judged.scored,
        answers=play.client.answers,
        failures=play.client.failures,
        late=judged.late,
        watermark_ms=watermarks_ms(judged.history),
        recomputed=judged.recomputed,
        broken=judged.broken,
        pods_before=before,
        pods_after=after,
        mode_after=mode,
        freshness_target=plan.freshness_target,
        lines=shown.watcher.lines,
    )


def _swaps(play: Play, screen: Screen) -> None:
    base = play.newest_base()
    for number in range(1, SWAPS_WANTED + 1):
        with screen.step(f"full swap {number} of {SWAPS_WANTED}"):
            base = play.await_base(base, play.plan.swap_every + 120)


def _change_mode(system: System, play: Play, screen: Screen) -> tuple[int, list[PodSeen], str]:
    """Change to Daily with a run due within two minutes; wait until its base answers."""
    name = play.plan.name
    before = system.serving_pods(name)
    base = play.newest_base()
    due = next_minute(datetime.now(UTC), 20)
    with screen.step(f"mode: Daily, a run due at {due} UTC; its base answers"):
        system.kube.patch("om", name, {"spec": {"mode": "Daily", "daily": {"at": due, "timeZone": "Etc/UTC"}}})
        changed = _now_ms()
        play.await_("status.mode Daily", lambda: system.status(name).get("mode") == "Daily", 30)
        play.await_base(base, 180)
    return changed, before, str(system.status(name).get("mode"))


def next_minute(now: datetime, at_least: int) -> str:
    """The first full minute that is ``at_least`` seconds ahead, as HH:MM."""
    return (now + timedelta(seconds=at_least + 59)).strftime("%H:%M")


def _now_ms() -> int:
    return int(time.time() * 1000)
