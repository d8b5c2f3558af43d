"""kill -9 of every process, one after the other, while the client asks."""

# ruff: noqa: D103 - a test's name says what it shows
import threading

import pytest

from e2e.demo.kube import Json
from e2e.faults.kill import cut, kill, main_process, unacknowledged
from e2e.faults.world import S3_PORT, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

HEAD_BYTES = 4096
"""More than any request without a body sends."""
STATES = frozenset({"Streaming", "Verifying", "RollingOut"})
"""Those that every cycle passes; the fixture killed the operator in Bootstrapping."""
RARE = frozenset({"Promoted"})
"""Those that a look may miss: pods are seldom seen elsewhere once all of them answered from the candidate."""


def test_the_operator_dies_in_every_state_and_the_cycle_goes_on(world: World) -> None:
    with world.watched() as seen:
        before = world.play.newest_base()
        killed = _kill_in_states(world, seconds=300)
        assert killed >= STATES, f"the operator was killed in {sorted(killed)} only"
        world.play.await_base(max(before, world.play.newest_base()), 240)
    assert not seen.failures, seen.failures[0]


def _kill_in_states(world: World, seconds: float) -> set[str]:
    """Kill the operator once in every state that is seen, until that was in all of ``STATES``."""
    killed: set[str] = set()
    words = ("get", "om", world.name, "-w", "-o", "jsonpath={.status.cycle.state}{'\\n'}")
    with world.kube.stream(*words) as process:
        timer = threading.Timer(seconds, process.terminate)
        timer.start()
        try:
            for line in process.stdout or ():
                state = line.strip()
                if state in STATES | RARE and state not in killed:
                    world.kill_operator()
                    killed.add(state)
                if killed >= STATES:
                    break
        finally:
            timer.cancel()
    return killed


def test_trainer_a_dies_and_the_next_base_still_comes(world: World) -> None:
    with world.watched() as seen:
        before = world.play.newest_base()
        kill(world.kube, world.pod("a"))
        world.play.await_base(before, 240)
    assert not seen.failures, seen.failures[0]


def test_trainer_b_dies_in_the_middle_of_an_upload(world: World, own_cluster: None) -> None:  # noqa: ARG001
    with world.watched() as seen:
        trainer = world.pod("b")
        process = main_process(trainer["metadata"]["uid"])
        assert process is not None
        store = world.address("app.kubernetes.io/name=seaweedfs")
        base = int(trainer["metadata"]["labels"]["tandem.dev/number"])
        with cut(world.kube, trainer["status"]["podIP"], store, S3_PORT):
            world.until("an upload under way", lambda: unacknowledged(process, S3_PORT) > HEAD_BYTES, 60)
            durable = _newest_slot(world, base)
            kill(world.kube, trainer)
            world.until("the trainer's end", lambda: main_process(trainer["metadata"]["uid"]) != process, 30)
            assert _newest_slot(world, base) == durable, "the trainer still reached the store"
        world.goes_on()
    assert not seen.failures, seen.failures[0]


def test_a_serving_pod_dies_and_the_others_answer(world: World) -> None:
    victim = world.pod("serving")
    with world.watched() as seen:
        kill(world.kube, victim)
        world.until("all pods ready again", lambda: _all_ready_without(world, victim), 120)
        world.goes_on()
        # Only requests that the killed process held, or that came before its address was withdrawn, may fail.
        assert {failure.code for failure in seen.failures} <= {"UNAVAILABLE"}
        after = len(seen.failures)
        world.goes_on()
        assert len(seen.failures) == after, seen.failures[-1]
        assert len(seen.failures) < len(seen.answers)


def test_the_store_is_cut_off_for_twenty_seconds(world: World, own_cluster: None) -> None:  # noqa: ARG001
    store = world.address("app.kubernetes.io/name=seaweedfs")
    refused = set(_refused(world))
    with world.watched() as seen:
        with cut(world.kube, "10.244.0.0/16", store, S3_PORT):
            answered = len(seen.answers)
            threading.Event().wait(20)
            assert len(seen.answers) > answered, "serving stopped with the store"
        world.goes_on()
        world.play.await_base(world.play.newest_base(), 240)
    assert not seen.failures, seen.failures[0]
    assert set(_refused(world)) == refused, "a base was refused for the network's fault"


def _newest_slot(world: World, base: int) -> int:
    return len(world.history().updates.get(base, ()))


def _refused(world: World) -> dict[int, str]:
    target = world.history().target
    return dict(target.refused) if target else {}


def _all_ready_without(world: World, killed: Json) -> bool:
    """All serving pods are ready, none of them by the program that was killed: a pod stays ready until that is seen."""
    pods = world.kube.items("pods", "-l", f"tandem.dev/model={world.name},tandem.dev/role=serving")
    ready = {program for pod in pods for program, is_ready in _programs(pod).items() if is_ready}
    return len(ready) == world.play.plan.replicas and not ready & _programs(killed).keys()


def _programs(pod: Json) -> dict[str, bool]:
    """Whether each of a pod's containers that ran is ready, by the container's identity."""
    states: list[Json] = pod["status"].get("containerStatuses", [])
    return {str(state["containerID"]): bool(state["ready"]) for state in states if "containerID" in state}
