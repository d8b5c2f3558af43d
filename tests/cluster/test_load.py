"""The name under which a local image is pushed."""

import pytest

from e2e.cluster.load import target


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("model", "r:5000/model:latest"),
        ("model:3", "r:5000/model:3"),
        ("search/model:3", "r:5000/search/model:3"),
        ("localhost/search/model:3", "r:5000/search/model:3"),
        ("ghcr.example/search/model", "r:5000/search/model:latest"),
        ("10.0.0.1:5000/model:3", "r:5000/model:3"),
    ],
)
def test_target(image, expected):
    assert target(image, "r:5000") == expected
