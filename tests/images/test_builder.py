"""buildah's command line, and which registry is spoken to how."""

from pathlib import Path

import pytest

from e2e.cluster.errors import UserError
from e2e.cluster.identity import Identity
from e2e.images import __main__ as program
from e2e.images import builder
from e2e.images.catalog import IMAGES, Image

IDENTITY = Identity(tag="abc123", octet=7, state=Path("/s"))


def test_a_build_uses_the_machines_network_and_certificates_and_the_given_base():
    image = Image("x", Path("/r/x/Dockerfile"), Path("/r"))
    words = builder.command(image, "localhost/base:1", Path("/w/x.id"))
    assert words[-3:] == ["--file", "/r/x/Dockerfile", "/r"]
    assert "BASE=localhost/base:1" in words
    assert "/etc/ssl/certs:/etc/ssl/certs:O" in words
    assert "--build-context" not in words


def test_what_is_prepared_is_given_by_name():
    image = Image("x", Path("/r/x/Dockerfile"), Path("/r"), lambda: Path("/jars"), "jars")
    words = builder.command(image, "b", Path("/w"))
    assert words[words.index("--build-context") + 1] == "jars=/jars"


@pytest.mark.parametrize(
    ("given", "environ", "expected"),
    [
        (None, {}, ("10.89.7.1:5000", True)),
        (None, {"TANDEM_REGISTRY": "10.89.7.1:5000"}, ("10.89.7.1:5000", True)),
        (None, {"TANDEM_REGISTRY": "ghcr.example/me"}, ("ghcr.example/me", False)),
        ("other.example/me", {"TANDEM_REGISTRY": "ghcr.example/me"}, ("other.example/me", False)),
        ("10.89.7.1:5000/team", {}, ("10.89.7.1:5000/team", True)),
    ],
)
def test_only_the_clusters_own_registry_speaks_plain_http(given, environ, expected):
    assert program.registry(given, IDENTITY, environ) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [([], list(IMAGES)), (["tandem-serving", "kafka"], ["kafka", "tandem-serving"])],
)
def test_chosen(names, expected):
    assert program.chosen(names) == expected


def test_an_unknown_image_is_refused_with_those_there_are():
    with pytest.raises(UserError, match=r"nginx: no such image\. There are: seaweedfs, kafka, tandem-operator"):
        program.chosen(["nginx"])


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_every_image_runs_as_nobody_special_and_takes_its_base(image):
    recipe = image.dockerfile.read_text()
    assert "USER 65532:65532" in recipe
    assert recipe.count("ARG BASE=docker.io/library/debian:bookworm-slim") == 1
    assert "org.opencontainers.image.title" in recipe


def test_training_and_serving_share_their_heavy_layer_to_the_letter():
    def heavy(name: str) -> list[str]:
        recipe = IMAGES[name].dockerfile.read_text()
        stages = {part.splitlines()[0]: part.strip() for part in recipe.split("\nFROM ")[1:]}
        return [stages["${BASE} AS python"], stages["python AS tensorflow"]]

    assert heavy("tandem-training") == heavy("tandem-serving")


@pytest.mark.parametrize("name", ["tandem-operator", "tandem-training", "tandem-serving"])
def test_nothing_heavy_comes_after_the_code(name):
    last = IMAGES[name].dockerfile.read_text().split("ENTRYPOINT")[1].splitlines()[1:]
    assert {line.split()[0] for line in last if line} == {"#", "COPY"}
