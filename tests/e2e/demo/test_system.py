import json
from pathlib import Path

import pytest

from e2e.demo.errors import CommandFailedError
from e2e.demo.system import IMAGES, ImageRef, chart_values, condition, kustomization, pushed_images, serving_door

REFS = {name: ImageRef(f"10.0.0.1:5000/{name}", f"sha256:{number:064x}") for number, name in enumerate(IMAGES)}


def test_images_are_taken_by_digest(tmp_path):
    file = tmp_path / "images.json"
    file.write_text(json.dumps({name: f"{ref.repository}@{ref.digest}" for name, ref in REFS.items()}))
    assert pushed_images(file) == REFS
    assert (
        f"image.serving.repository=10.0.0.1:5000/tandem-serving,image.serving.digest={REFS['tandem-serving'].digest}"
        in (chart_values(REFS))
    )


@pytest.mark.parametrize("written", [None, "{}", '{"kafka": "r/kafka@sha256:1"}'])
def test_missing_images_are_named(tmp_path, written):
    file = tmp_path / "images.json"
    if written is not None:
        file.write_text(written)
    with pytest.raises(CommandFailedError, match=r"tandem-serving are missing. Run `make images`"):
        pushed_images(file)


def test_the_kustomization_leads_to_the_manifests(tmp_path):
    made = kustomization(tmp_path, REFS, "demo", "10.0.0.2:30092")
    for resource in made["resources"]:
        assert (tmp_path / resource / "kustomization.yaml").is_file()
    patch = json.loads(made["patches"][0]["patch"])
    assert patch[0]["value"] == {"name": "KAFKA_ADVERTISED_OUTSIDE", "value": "10.0.0.2:30092"}
    # The patch appends to the list of the only container's variables, and the manifest has one.
    kafka = Path(tmp_path / made["resources"][1] / "kafka.yaml").read_text()
    assert kafka.count("image: kafka:dev") == 1
    assert "env:" in kafka


def test_a_condition_that_is_not_there_is_empty():
    status = {"conditions": [{"type": "Available", "status": "True"}]}
    assert condition(status, "Available") == {"type": "Available", "status": "True"}
    assert condition(status, "Stalled") == {}
    assert condition({}, "Stalled") == {}


def test_the_door_to_serving_is_the_operators_deployment():
    assert serving_door("search").deployment == "search-serving"
