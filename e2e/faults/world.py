"""The system under fault: store, broker, stream, an OnlineModel in Promotion mode and a client that asks."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from e2e.demo.generator import Pace
from e2e.demo.history import History, read_history
from e2e.demo.judge import TOLERANCE, chosen, recompute
from e2e.demo.kube import Json, Kube, wait_for
from e2e.demo.logs import Answer, Failure
from e2e.demo.model import Plan, online_model
from e2e.demo.play import Addresses, Play
from e2e.demo.reach import Reach
from e2e.demo.system import OPERATOR_NAMESPACE, OPERATOR_SELECTOR, System, pushed_images
from e2e.demo.truth import Truth
from e2e.faults.invariants import broken
from e2e.faults.kill import kill, newest_pod

PLAN = Plan(bootstrap=10, swap_every=20)
PACE = Pace(rate=200, history=60)
RECOMPUTED = 12
S3_PORT = 8333


@dataclass(frozen=True, slots=True)
class World:
    """What the tests act on.

    Attributes:
      system: the namespace and the operator.
      play: the stream and the client.
    """

    system: System
    play: Play

    @property
    def kube(self) -> Kube:
        """The cluster."""
        return self.system.kube

    @property
    def name(self) -> str:
        """The OnlineModel."""
        return self.play.plan.name

    def state(self) -> str:
        """``status.cycle.state``."""
        cycle: Json = self.system.status(self.name).get("cycle") or {}
        return str(cycle.get("state", ""))

    def pod(self, role: str) -> Json:
        """The youngest running pod of a role (a, b, serving); waits for one."""
        labels = f"tandem.dev/model={self.name},tandem.dev/role={role}"
        self.until(f"a running pod of role {role}", lambda: newest_pod(self.kube, labels) is not None, 120)
        pod = newest_pod(self.kube, labels)
        return pod if pod is not None else self.pod(role)

    def address(self, labels: str) -> str:
        """The address of the only pod with these labels."""
        return str(self.kube.items("pods", "-l", labels)[0]["status"]["podIP"])

    def operator_pod(self) -> Json | None:
        """The operator's running pod."""
        return newest_pod(self.kube, OPERATOR_SELECTOR, OPERATOR_NAMESPACE)

    def kill_operator(self) -> None:
        """Kill -9, and a new pod at once: Kubernetes' back-off for crashing containers is not what is tried here."""
        pod = self.operator_pod()
        if pod is not None:
            kill(self.kube, pod)
            words = ("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force", "--ignore-not-found")
            self.kube.run("--namespace", OPERATOR_NAMESPACE, *words)

    def until(self, what: str, holds: Callable[[], bool], seconds: float, model: str = "") -> None:
        """Wait; when it does not come, what the OnlineModel (the one under fault, or ``model``) says is told, too."""
        try:
            self.play.await_(what, holds, seconds)
        except TimeoutError as error:
            error.add_note(self.system.explain(model or self.name))
            raise

    def history(self) -> History:
        """The store's manifests."""
        return read_history(self.play.store())

    def newest_update(self) -> tuple[int, int]:
        """Base and update of the newest answer; (-1, 0) before the first."""
        newest = self.play.client.answers[-1:]
        return (newest[0].base, newest[0].update) if newest else (-1, 0)

    def goes_on(self, seconds: float = 120) -> None:
        """Wait until an answer comes from an update that was not there when this was called."""
        before = self.newest_update()
        self.until(f"an answer newer than {before[0]}.{before[1]}", lambda: self.newest_update() > before, seconds)

    @contextmanager
    def watched(self) -> Iterator["Watched"]:
        """What is answered while the block runs; at its end I1 to I5 are checked from the store and these answers."""
        seen = Watched(self, len(self.play.client.answers), len(self.play.client.failures))
        yield seen
        seen.check()


@dataclass(frozen=True, slots=True)
class Watched:
    """The answers and failures since some moment."""

    world: World
    first_answer: int
    first_failure: int

    @property
    def answers(self) -> list[Answer]:
        """What was answered since."""
        return self.world.play.client.answers[self.first_answer :]

    @property
    def failures(self) -> list[Failure]:
        """What failed since."""
        return self.world.play.client.failures[self.first_failure :]

    def check(self) -> None:
        """I1 to I5; a sample of the answers is computed again from the store."""
        answers = list(self.answers)
        assert answers, "nothing was answered"
        blocks = {block.number: block for block in self.world.play.generator.blocks}
        again = recompute(self.world.play.store(), blocks, chosen(answers, RECOMPUTED))
        found = broken(self.world.history(), answers, again, TOLERANCE)
        assert not found, "\n".join(str(one) for one in found)


def start(system: System, reach: Reach, during_bootstrap: Callable[[World], None]) -> World:
    """Bring everything up in a fresh namespace, and wait for the first answer.

    Args:
      system: the namespace, and the operator, which is installed or upgraded.
      reach: opens the doors.
      during_bootstrap: called once, when the first training is under way.
    """
    images = pushed_images()
    system.install_operator(images)
    system.clear()
    system.make_namespace()
    addresses = Addresses.of(reach, PLAN.name)
    system.apply_services(images, addresses.kafka)
    system.await_services()
    system.await_operator()
    os.environ.update(system.credentials())
    play = Play(system, reach, addresses, PLAN)
    world = World(system, play)
    play.begin(Truth(seed=11), PACE, time.time())
    system.kube.apply(online_model(PLAN))
    wait_for("the first training", lambda: world.state() == "Bootstrapping", 90)
    during_bootstrap(world)
    system.await_model(PLAN.name, "Available", 240)
    play.ask()
    world.until("the first answer", lambda: bool(play.client.answers), 60)
    return world
