"""What a person gets wrong in a spec: told with the remedy, put right by an edit, nothing restarted by hand."""

# ruff: noqa: D103 - a test's name says what it shows
from copy import deepcopy
from dataclasses import dataclass

import pytest

from e2e.demo.kube import Json
from e2e.demo.model import Plan, online_model
from e2e.demo.system import condition
from e2e.faults.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong field.

    Attributes:
      path: of the field in the spec.
      wrong: what a person wrote.
      reason: of the condition Stalled.
    """

    path: tuple[str, ...]
    wrong: str
    reason: str

    @property
    def name(self) -> str:
        """The OnlineModel that has it."""
        return f"wrong-{self.path[-1].lower()}"

    def plan(self) -> Plan:
        """One pod, and a first training without end."""
        return Plan(name=self.name, bootstrap=3600, replicas=1)

    def made(self) -> Json:
        """The resource with the mistake in it."""
        made = deepcopy(online_model(self.plan()))
        self._holder(made)[self.path[-1]] = self.wrong
        return made

    def mended(self) -> Json:
        """The edit that puts it right."""
        value: object = self._holder(online_model(self.plan()))[self.path[-1]]
        for key in reversed(("spec", *self.path)):
            value = {key: value}
        assert isinstance(value, dict)
        return value

    def _holder(self, model: Json) -> Json:
        holder: Json = model["spec"]
        for key in self.path[:-1]:
            holder = holder[key]
        return holder


MISTAKES = (
    Mistake(("model", "entrypoint"), "tandem_training.models.ctr_cvr:biuld", "UnknownEntrypoint"),
    Mistake(("store", "s3", "bucket"), "modles", "NoSuchBucket"),
    Mistake(("store", "s3", "credentialsSecret"), "s3-credentails", "MissingSecret"),
)


def test_wrong_specs_are_told_and_edits_put_them_right(world: World) -> None:
    names = [mistake.name for mistake in MISTAKES]
    world.kube.apply(*(mistake.made() for mistake in MISTAKES))
    try:
        for mistake in MISTAKES:
            _is_told(world, mistake)
        for mistake in MISTAKES:
            world.kube.patch("om", mistake.name, mistake.mended())
        for mistake in MISTAKES:
            _trains(world, mistake.name)
    finally:
        world.kube.run("delete", "om", *names, "--wait", "--timeout=60s", timeout=70)


def _is_told(world: World, mistake: Mistake) -> None:
    name = mistake.name
    told = f"{name} told as {mistake.reason}"
    world.until(told, lambda: _stalled(world, name).get("reason") == mistake.reason, 120, name)
    message = str(_stalled(world, name)["message"])
    assert mistake.wrong in message, message
    assert mistake.path[-1] in message, message


def _trains(world: World, name: str) -> None:
    def running() -> bool:
        jobs = world.system.status(name).get("jobs") or []
        return any(job["state"] == "Running" for job in jobs)

    world.until(f"{name} is no longer stalled", lambda: _stalled(world, name).get("status") == "False", 120, name)
    world.until(f"{name} trains", running, 120, name)


def _stalled(world: World, name: str) -> Json:
    found = condition(world.system.status(name), "Stalled")
    return found if found.get("status") in ("True", "False") else {}
