"""What a person gets wrong in a spec: told with the remedy, put right by an edit, nothing restarted by hand."""

# ruff: noqa: D103 - a test's name says what it shows
from copy import deepcopy

import pytest

from e2e.demo.kube import Json
from e2e.demo.model import Plan, online_model
from e2e.demo.system import condition
from e2e.faults.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

ENTRYPOINT = ("model", "entrypoint")
BUCKET = ("store", "s3", "bucket")
SECRET = ("store", "s3", "credentialsSecret")


@pytest.mark.parametrize(
    ("path", "wrong", "reason"),
    [
        (ENTRYPOINT, "tandem_training.models.ctr_cvr:biuld", "UnknownEntrypoint"),
        (BUCKET, "modles", "NoSuchBucket"),
        (SECRET, "s3-credentails", "MissingSecret"),
    ],
    ids=["entrypoint", "bucket", "secret"],
)
def test_a_wrong_spec_is_told_and_an_edit_puts_it_right(
    world: World, path: tuple[str, ...], wrong: str, reason: str
) -> None:
    name = f"wrong-{path[-1].lower()}"
    made = online_model(Plan(name=name, bootstrap=3600, replicas=1))
    right = _at(made["spec"], path[:-1])[path[-1]]
    world.kube.apply({**made, "spec": _changed(made["spec"], path, wrong)})
    try:
        world.until(f"{name} told as {reason}", lambda: _stalled(world, name).get("reason") == reason, 120, name)
        told = str(_stalled(world, name)["message"])
        assert wrong in told, told
        assert path[-1] in told, told
        world.kube.patch("om", name, {"spec": _nested(path, right)})
        world.until(f"{name} is no longer stalled", lambda: _stalled(world, name).get("status") == "False", 120, name)
        world.until(f"{name} trains", lambda: _trains(world, name), 120, name)
    finally:
        world.kube.run("delete", "om", name, "--wait", "--timeout=60s", timeout=70)


def _stalled(world: World, name: str) -> Json:
    found = condition(world.system.status(name), "Stalled")
    return found if found.get("status") == "True" or found.get("status") == "False" else {}


def _trains(world: World, name: str) -> bool:
    jobs = world.system.status(name).get("jobs") or []
    return any(job["state"] == "Running" for job in jobs)


def _at(spec: Json, path: tuple[str, ...]) -> Json:
    for key in path:
        spec = spec[key]
    return spec


def _changed(spec: Json, path: tuple[str, ...], value: str) -> Json:
    made = deepcopy(spec)
    _at(made, path[:-1])[path[-1]] = value
    return made


def _nested(path: tuple[str, ...], value: object) -> Json:
    for key in reversed(path):
        value = {key: value}
    assert isinstance(value, dict)
    return value
